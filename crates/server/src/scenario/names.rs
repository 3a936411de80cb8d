//! "Did you mean": the known name nearest to one that is not known.

/// The sentence about a name that is not known: `is not known; did you mean …`, or what there is to choose from.
pub(super) fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let near = known
        .iter()
        .map(|k| (strsim::damerau_levenshtein(&k.to_lowercase(), &name.to_lowercase()), *k))
        .filter(|(distance, k)| *distance <= 1 + k.chars().count() / 4)
        .min();
    match near {
        Some((_, near)) => format!("names the {what} `{name}`, which is not known; did you mean `{near}`?"),
        None if known.is_empty() => format!("names the {what} `{name}`, which is not known; there is none"),
        None => format!("names the {what} `{name}`, which is not known; there are: {}", known.join(", ")),
    }
}
