//! Puts style sheet and scripts into the program.
//!
//! With npm the bundle of `web/` is made below `OUT_DIR`; nothing is written into the source tree. Without npm, or when
//! npm fails, the build warns and goes on with the style sheet alone: pages work without scripts. Packagers who have no
//! Node set `WEB_DIST` to a folder made by `web/bundle.mjs`.

use std::{
    env,
    error::Error,
    ffi::OsStr,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

/// What the bundle is made of; a change of anything else does not make it again.
const SOURCES: [&str; 6] = ["bundle.mjs", "css", "package-lock.json", "package.json", "src", ".npmrc"];

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let web = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../web");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=WEB_DIST");
    println!("cargo::rustc-check-cfg=cfg(whole_bundle)");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", web.join(source).display());
    }
    let bundle = out.join("bundle");
    let manifest = if let Some(made) = env::var_os("WEB_DIST") {
        fresh(&bundle)?;
        copy(Path::new(&made), &bundle)?;
        fs::read_to_string(bundle.join("manifest.txt"))
            .map_err(|error| format!("`WEB_DIST` names no bundle made by web/bundle.mjs: manifest.txt: {error}"))?
    } else {
        match made_by_npm(&web, &out, &bundle) {
            Ok(manifest) => manifest,
            Err(why) => {
                println!(
                    "cargo::warning=pages get no scripts and no typefaces, because {why}. They work without. For the \
                     whole bundle install Node.js 20 or newer with npm, then `touch web/package.json` and build again"
                );
                styles_alone(&web, &bundle)?
            }
        }
    };
    if manifest.lines().any(|line| line.starts_with("app ")) {
        println!("cargo::rustc-cfg=whole_bundle");
    }
    fs::write(out.join("bundle.rs"), table(&bundle, &manifest)?)?;
    Ok(())
}

/// Makes the bundle and returns its manifest; the error completes the sentence "because …".
fn made_by_npm(web: &Path, out: &Path, bundle: &Path) -> Outcome<String> {
    let work = out.join("web");
    fs::create_dir_all(&work)?;
    for source in SOURCES {
        let to = work.join(source);
        if to.is_dir() {
            fs::remove_dir_all(&to)?;
        }
        copy(&web.join(source), &to)?;
    }
    let lock = fs::read(work.join("package-lock.json"))?;
    let installed = work.join("installed");
    if fs::read(&installed).ok().as_ref() != Some(&lock) {
        // A machine without a network should learn so in seconds.
        let words = ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
        let patience = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=60000"];
        run(Command::new("npm").args(words).args(patience).current_dir(&work))?;
        fs::write(&installed, &lock)?;
    }
    run(Command::new("node").arg("bundle.mjs").arg(bundle).current_dir(&work))?;
    Ok(fs::read_to_string(bundle.join("manifest.txt"))?)
}

fn run(command: &mut Command) -> Outcome<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("`{name}` is not installed"),
        _ => format!("`{name}` cannot be started ({error})"),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it said nothing");
    Err(format!("`{name}` failed ({last})").into())
}

/// The style sheet without the typefaces: the files that `index.css` names, one behind the other.
fn styles_alone(web: &Path, bundle: &Path) -> Outcome<String> {
    fresh(bundle)?;
    let css = web.join("css");
    let mut sheet = String::new();
    for line in fs::read_to_string(css.join("index.css"))?.lines() {
        let Some(name) = line.strip_prefix("@import \"./").and_then(|rest| rest.strip_suffix("\";")) else { continue };
        if name != "fonts.css" {
            sheet.push_str(&fs::read_to_string(css.join(name))?);
        }
    }
    // Sixty-four bits of FNV-1a: the name has to change with the content, and keeps no secret.
    let digest = sheet
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let name = format!("policykit-{digest:016x}.css");
    fs::write(bundle.join(&name), sheet)?;
    Ok(format!("style {name}\n"))
}

/// The files as a table for the program, and the names that pages ask for.
fn table(bundle: &Path, manifest: &str) -> Outcome<String> {
    let named = |key: &str| manifest.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    let style = named("style").ok_or("the bundle has no style sheet")?;
    let mut text = format!(
        "pub(super) const STYLE: &str = {:?};\npub(super) const APP: Option<&str> = {:?};\n\
         pub(super) const FILES: &[(&str, &[u8])] = &[\n",
        format!("/assets/{style}"),
        named("app").map(|name| format!("/assets/{name}")),
    );
    let mut files: Vec<PathBuf> = fs::read_dir(bundle)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    files.sort();
    for file in files {
        let name = file.file_name().and_then(OsStr::to_str).ok_or("a file of the bundle has an odd name")?;
        if name != "manifest.txt" {
            writeln!(text, "    ({:?}, include_bytes!({:?})),", format!("/assets/{name}"), file)?;
        }
    }
    text.push_str("];\n");
    Ok(text)
}

fn fresh(folder: &Path) -> io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(|_| ());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}
