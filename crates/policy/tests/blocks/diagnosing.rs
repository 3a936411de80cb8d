//! What is said about code before it runs, held against what the code then does.

use std::path::PathBuf;

use policykit_core::{
    descriptor::{ActionType, Auth, Field, PlatformDescriptor, Reversible, TriggerType, Webhook},
    policy::{Block, Blocks, OnError, PolicyDraft, PolicyKind},
};
use policykit_policy::{
    CODES, Diagnostic, MontySandbox, Progress, Sandbox as _, Severity, Vocabulary, diagnose, from_policykit_json,
};

use crate::common::{blocks, methods, run_on, snapshot};

fn vocabulary() -> Vocabulary {
    let field = |name| Field::used(name, "");
    let of = |codename, fields: &[&'static str]| ActionType {
        codename,
        label: codename,
        fields: fields.iter().map(|f| field(*f)).collect(),
        reversible: Reversible::Yes,
        state: None,
    };
    let events = vec![
        TriggerType::event("chat.joined", "somebody joined", &[]),
        TriggerType::own("chatcommand", "a command was used", const { &[Field::told("value", "what was said")] }),
    ];
    let chat = |id| PlatformDescriptor {
        id,
        name: id,
        auth: vec![Auth::None],
        webhook: Webhook::None,
        returns_to: None,
        preview: false,
        credentials: Vec::new(),
        renewed: Vec::new(),
        questions: Vec::new(),
        scopes: Vec::new(),
        governable: vec![of("post", &["text", "channel", "thread_ts"]), of("pin", &["channel", "timestamp"])],
        triggers: if id == "chat" { events.clone() } else { Vec::new() },
        methods: methods().get("chat").cloned().unwrap_or_default(),
        voting: Vec::new(),
        operations: Vec::new(),
    };
    Vocabulary::new(&[chat("chat"), chat("slack")])
}

fn draft(block: Block, source: &str) -> PolicyDraft {
    PolicyDraft {
        kind: PolicyKind::Platform,
        name: "rule".to_owned(),
        description: String::new(),
        action_types: vec!["post".to_owned()],
        blocks: blocks(block, source),
        on_error: OnError::Hold,
    }
}

pub(crate) fn found(block: Block, source: &str) -> Vec<Diagnostic> {
    diagnose(&MontySandbox, &draft(block, source), &vocabulary())
}

/// The text that a finding marks.
fn marked(source: &str, found: &Diagnostic) -> String {
    let lines: Vec<&str> = source.lines().collect();
    let offset = |line: usize, column: usize| -> usize {
        lines.iter().take(line - 1).map(|l| l.chars().count() + 1).sum::<usize>() + column - 1
    };
    let (start, end) = (offset(found.line, found.column), offset(found.end_line, found.end_column));
    source.chars().skip(start).take(end - start).collect()
}

/// Block, source, code, what is marked, part of what is said.
const CASES: &[(Block, &str, &str, &str, &str)] = &[
    (Block::Check, "x = 1\nreturn PASED", "PK020", "PASED", "did you mean `PASSED`?"),
    (Block::Check, "total = 1\nreturn PASSED if totl else FAILED", "PK020", "totl", "did you mean `total`?"),
    (Block::Check, "é = memoryview(b'')\nreturn PASSED", "PK020", "memoryview", "not known"),
    (Block::Check, "return PASSED if action.txt else FAILED", "PK021", "txt", "did you mean `text`?"),
    (Block::Check, "return PASSED if action.timestamp else FAILED", "PK021", "timestamp", "it has: "),
    (Block::Check, "return PASSED if proposal.get_yes_vote() else FAILED", "PK021", "get_yes_vote", "`get_yes_votes`"),
    (Block::Check, "return PASSED if action.initiator.user_name else FAILED", "PK021", "user_name", "`username`"),
    (Block::Check, "return PASSED if proposal.data.gett('a') else FAILED", "PK021", "gett", "`get`"),
    (Block::Notify, "chat.post_mesage(text='a')", "PK021", "post_mesage", "`post_message`"),
    (Block::Notify, "logger.inform('a')", "PK021", "inform", "did you mean `info`?"),
    (Block::Notify, "chat.post_message(text='a', chanel='b')", "PK022", "chanel", "did you mean `channel`?"),
    (Block::Notify, "chat.post_message(channel='b')", "PK022", "chat.post_message", "needs `text`"),
    (Block::Notify, "chat.get_users([], 2)", "PK022", "2", "one too many"),
    (Block::Notify, "chat.react(kind='hart')", "PK022", "'hart'", "did you mean `heart`?"),
    (Block::Notify, "chat.react('smile')", "PK022", "'smile'", "it is one of: heart, thumb"),
    (Block::Notify, "community.get_members(1)", "PK022", "1", "one too many"),
    (Block::Notify, "action.initiator.has_perm()", "PK022", "action.initiator.has_perm", "needs `permission`"),
    (Block::Notify, "community.get_member()", "PK021", "get_member", "did you mean `get_members`?"),
    (Block::Check, "return True", "PK023", "True", "decides nothing"),
    (Block::Check, "if action.text:\n  return 'pased'\nreturn FAILED", "PK023", "'pased'", "`PASSED` or `FAILED`"),
    (Block::Check, "return PASSED\nx = 1\ny = 2", "PK024", "x = 1\ny = 2", "never reached"),
    (Block::Check, "for i in [1]:\n  continue\n  x = i\nreturn PASSED", "PK024", "x = i", "never reached"),
    (
        Block::Check,
        "if action.text:\n  return PASSED\nelse:\n  return FAILED\nx = 1",
        "PK024",
        "x = 1",
        "never reached",
    ),
    (Block::Filter, "return action.action_type == 'pin'", "PK025", "'pin'", "never for `pin`"),
    (Block::Filter, "return action.action_type in ['pin', 'x'] and action.text", "PK025", "'pin'", "never"),
    (Block::Filter, "if action.action_type == 'pin':\n  return True", "PK025", "'pin'", "never"),
    (Block::Filter, "x = 1", "PK025", "x = 1", "matches nothing"),
    (Block::Filter, "return False", "PK025", "return False", "matches nothing"),
    (
        Block::Check,
        "t = datetime.datetime.now()\nlogger.info(t)\nreturn PASSED",
        "PK026",
        "datetime.datetime.now()",
        "deadline",
    ),
    (Block::Check, "x = 1\nreturn PROPOSED", "PK027", "x = 1\nreturn PROPOSED", "never decides"),
    (Block::Check, "action.done = True\nreturn PASSED", "PK028", "action.done", "proposal.data.set"),
    (Block::Check, "x, policy.done = 1, 2\nreturn PASSED", "PK028", "policy.done", "stays as it is"),
    (Block::Check, "x = 1 +\nreturn PASSED", "PK001", "\n", ""),
    (Block::Check, "import os\nreturn PASSED", "PK010", "os", "cannot be imported"),
    (Block::Check, "x = action.__class__\nreturn PASSED", "PK011", "__class__", "private"),
    (Block::Check, "class A:\n  pass\nreturn PASSED", "PK014", "A", "classes"),
    (Block::Check, "x = 1\nmatch x:\n  case 1:\n    pass\nreturn PASSED", "PK016", "match", "`if` and `elif`"),
    (Block::Check, "async def f():\n  pass\nreturn PASSED", "PK016", "f", "without `async`"),
    (Block::Check, "x = 2 + 3j\nreturn PASSED", "PK016", "3j", "complex"),
    (Block::Check, "if action.text:\n  raise ValueError('é', 1)\nreturn PASSED", "PK016", "('é', 1)", "one text"),
    (Block::Check, "x = [1]\nx[min(x)], y = 1, 2\nreturn PASSED", "PK016", "x[min(x)]", "names first"),
    (Block::Check, "x = [1]\nx[0:1] += [2]\nreturn PASSED", "PK016", "x[0:1]", "x[a:b] ="),
    (Block::Check, "x = 'ab'[(lambda: 1)():]\nreturn PASSED", "PK016", "(lambda: 1)():", "bounds"),
    (
        Block::Check,
        "x = 1\ny = f'{x:{any(z > x for z in [1])}}'\nreturn PASSED",
        "PK016",
        "{any(z > x for z in [1])}",
        "format",
    ),
    (Block::Check, "x = math.sqr(4)\nreturn PASSED", "PK017", "sqr", "did you mean `sqrt`?"),
    (Block::Check, "from itertools import products\nreturn PASSED", "PK017", "products", "did you mean `product`?"),
    (Block::Check, "import math as m\nx = m.hypot(3, 4)\nreturn PASSED", "PK017", "hypot", "it has: "),
    (Block::Check, "x = 'é'.isprintable()\nreturn PASSED", "PK018", "isprintable", "compare with"),
    (Block::Check, "x = 1\ndel x\nreturn PASSED if x else FAILED", "PK012", "x", "after it was deleted"),
    (Block::Check, "for i in [1]:\n  if i > 1:\n    x = x + i\n  del x\nreturn PASSED", "PK012", "x", "after"),
    (Block::Check, "variables[str(1)] += 1\nreturn PASSED", "PK013", "variables[str(1)]", "plain text"),
    (Block::Check, "x = {action.initiator: 1}\nreturn PASSED", "PK019", "action.initiator", "`.username`"),
    (Block::Check, "x = set(chat.get_users())\nreturn PASSED", "PK019", "chat.get_users()", "u.username"),
    (Block::Check, "x = {}\nx[action.initiator] = 1\nreturn PASSED", "PK019", "action.initiator", "`.username`"),
    (Block::Check, "all = chat.get_users()\nx = set(all)\nreturn PASSED", "PK019", "all", "u.username"),
    (Block::Check, "x = {u: 1 for u in chat.get_users()}\nreturn PASSED", "PK019", "u", "`.username`"),
    (
        Block::Check,
        "x = set()\nfor v in proposal.get_no_votes():\n  x.add(v)\nreturn PASSED",
        "PK019",
        "v",
        "cannot be a key",
    ),
    (Block::Check, "x = (n for n in itertools.count())\nreturn PASSED", "PK029", "itertools.count()", "`for` loop"),
    (Block::Check, "x = list(itertools.cycle('ab'))\nreturn PASSED", "PK029", "itertools.cycle('ab')", "never ends"),
    (Block::Check, "x = map(str, itertools.repeat(1))\nreturn PASSED", "PK029", "itertools.repeat(1)", "never ends"),
    (Block::Check, "x = time.time()\nreturn PASSED", "PK020", "time", "get_time_elapsed"),
    (Block::Check, "x = eval('1')\nreturn PASSED", "PK020", "eval", "cannot be run"),
];

#[test]
fn mistakes_are_found_at_their_place() {
    for (block, source, code, text, says) in CASES {
        let all = found(*block, source);
        let [one] = all.as_slice() else { panic!("{source}: {all:#?}") };
        assert_eq!(one.code, *code, "{source}: {one}");
        assert!(one.message.contains(says), "{source}: {one}");
        if *code != "PK001" {
            assert_eq!(marked(source, one), *text, "{source}: {one}");
        }
    }
}

#[test]
fn good_code_has_no_findings() {
    for (block, source) in [
        (Block::Filter, "return True"),
        (Block::Filter, "return action.action_type == 'post' and action.text.startswith('a')"),
        (Block::Filter, "if action.action_type == 'pin':\n  return False\nreturn action.text == 'a'"),
        (Block::Filter, "if action.action_type == 'pin':\n  return False\nreturn True"),
        (Block::Filter, "if action.action_type == 'pin':\n  return True\nelif action.text:\n  return True"),
        (Block::Filter, "if not action.action_type == 'pin':\n  return True"),
        (Block::Filter, "return action.action_type != 'pin'"),
        (Block::Filter, "return action.action_type == 'pin' or action.text == 'a'"),
        (Block::Filter, "def of(x):\n  return x == 'a'\nif action.action_type == 'post':\n  return of(action.text)"),
        (Block::Check, "if proposal.get_time_elapsed() > datetime.timedelta(days=1):\n  return PASSED"),
        (Block::Check, "now = datetime.datetime.now()\nif now.hour > 8:\n  return PASSED\nreturn PROPOSED"),
        (Block::Check, "return 'passed'"),
        (Block::Check, "verdict = PASSED\nreturn verdict"),
        (Block::Check, "action = {'nothing': 1}\nreturn PASSED if action.get('x') else FAILED"),
        (
            Block::Check,
            "try:\n  x = int(action.text)\nexcept ValueError as e:\n  logger.info(str(e))\n  return FAILED\nreturn PASSED",
        ),
        (Block::Check, "def f(a, *b, c=1, **d):\n  return [a, b, c, d]\nreturn PASSED if f(1) else FAILED"),
        (
            Block::Check,
            "for _ in range(3):\n  if (n := len(action.text)) > 2:\n    break\nreturn PASSED if n else FAILED",
        ),
        (Block::Notify, "params = {'text': 'a'}\nchat.post_message(**params)"),
        (Block::Notify, "chat.react('heart', strength=3, whatever='x')"),
        (Block::Check, "if constitution.get_users(role_names=['A']) and community.get_documents():\n  return PASSED"),
        (Block::Notify, "chat.initiate_vote(proposal, users=[action.initiator])"),
        (
            Block::Notify,
            "names = sorted(chat.get_users(), key=lambda u: u.username)\nchat.post_message(text=str(names))",
        ),
    ] {
        let all = found(block, source);
        assert!(all.is_empty(), "{source}: {all:#?}");
    }
}

/// What is said about the filter of a policy about one type of event.
fn about(action_type: &str, source: &str) -> Vec<Diagnostic> {
    let draft = PolicyDraft {
        kind: PolicyKind::Trigger,
        action_types: vec![action_type.to_owned()],
        ..draft(Block::Filter, source)
    };
    diagnose(&MontySandbox, &draft, &vocabulary())
}

#[test]
fn an_event_with_a_type_of_its_own_has_the_fields_of_its_type() {
    assert!(about("chatcommand", "return action.value == 'a'").is_empty());
    let found = about("chatcommand", "return action.valeu == 'a'");
    assert!(found[0].message.contains("did you mean `value`?"), "{found:?}");
    assert_eq!(about("chatcommand", "return action.text == 'a'").len(), 1, "that is a field of other types");
}

#[test]
fn an_event_that_nobody_tells_of_is_noticed() {
    let event = |source| about("webhooktriggeraction", source);
    assert!(event("return action.event_type == 'chat.joined'").is_empty());
    assert!(event("return action.event_type == 'elsewhere.something'").is_empty(), "nothing is known of elsewhere");
    for source in ["return action.event_type == 'chat.joind'", "return 'chat.joind' == action.event_type"] {
        let found = event(source);
        let [one] = found.as_slice() else { panic!("{found:#?}") };
        assert_eq!((one.code, marked(source, one).as_str()), ("PK025", "'chat.joind'"));
        assert!(one.message.contains("did you mean `chat.joined`?"), "{one}");
    }
    assert_eq!(event("return action.event_type == 'chat.something_else_entirely'").len(), 1);
}

/// Names of CPython that somebody may try.
const PYTHON: &[&str] = &[
    "abs",
    "aiter",
    "all",
    "any",
    "ascii",
    "bin",
    "bool",
    "breakpoint",
    "bytearray",
    "bytes",
    "callable",
    "chr",
    "classmethod",
    "compile",
    "complex",
    "delattr",
    "dict",
    "dir",
    "divmod",
    "enumerate",
    "eval",
    "exec",
    "filter",
    "float",
    "format",
    "frozenset",
    "getattr",
    "globals",
    "hasattr",
    "hash",
    "help",
    "hex",
    "id",
    "input",
    "int",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "list",
    "locals",
    "map",
    "max",
    "memoryview",
    "min",
    "next",
    "object",
    "oct",
    "ord",
    "pow",
    "print",
    "property",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "setattr",
    "slice",
    "sorted",
    "staticmethod",
    "str",
    "sum",
    "super",
    "tuple",
    "type",
    "vars",
    "zip",
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "BaseException",
    "EOFError",
    "Exception",
    "FloatingPointError",
    "ImportError",
    "IndexError",
    "IOError",
    "KeyError",
    "KeyboardInterrupt",
    "LookupError",
    "MemoryError",
    "ModuleNotFoundError",
    "NameError",
    "NotImplementedError",
    "OSError",
    "OverflowError",
    "PermissionError",
    "RecursionError",
    "RuntimeError",
    "StopIteration",
    "SyntaxError",
    "SystemExit",
    "TimeoutError",
    "TypeError",
    "UnicodeDecodeError",
    "UnicodeEncodeError",
    "ValueError",
    "ZeroDivisionError",
    "NotImplemented",
    "Ellipsis",
    "math",
    "datetime",
    "random",
    "string",
    "json",
    "itertools",
    "base64",
    "re",
    "time",
    "os",
    "PASSED",
    "FAILED",
    "PROPOSED",
    "community",
    "constitution",
    "chat",
];

/// Whether the interpreter knows a name.
fn runs(name: &str) -> bool {
    let source = format!("x = {name}\nreturn PASSED");
    let Ok(_) = MontySandbox.compile(&blocks(Block::Check, &source)) else { return false };
    matches!(run_on(snapshot(), &blocks(Block::Check, &source)).start(Block::Check), Progress::Done(_))
}

#[test]
fn names_are_known_exactly_where_the_interpreter_knows_them() {
    let wrong: Vec<String> = PYTHON
        .iter()
        .filter_map(|name| {
            let said = found(Block::Check, &format!("x = {name}\nreturn PASSED")).iter().any(|d| d.code == "PK020");
            (said == runs(name)).then(|| format!("{name}: runs {}, found {said}", runs(name)))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn attributes_are_known_exactly_where_the_objects_have_them() {
    for object in ["action", "policy", "proposal", "community", "chat", "action.initiator"] {
        // Whatever one of them has, asked of all of them.
        for name in [
            "id",
            "pk",
            "action_type",
            "kind",
            "initiator",
            "community_origin",
            "community_revert",
            "is_bundled",
            "proposal",
            "community",
            "text",
            "channel",
            "name",
            "description",
            "version",
            "proposal_time",
            "status",
            "data",
            "vote_post_id",
            "vote_url",
            "is_vote_closed",
            "policy",
            "action",
            "platform",
            "team_id",
            "community_name",
            "username",
            "readable_name",
            "is_community_admin",
            "role_names",
            "groups",
            "constitution_community",
            "data_store",
            "action_types",
            "is_active",
            "bundled_policies",
            "nothing",
        ] {
            let source = format!("x = {object}.{name}\nreturn PASSED");
            let runs =
                matches!(run_on(snapshot(), &blocks(Block::Check, &source)).start(Block::Check), Progress::Done(_));
            let said = found(Block::Check, &source).iter().any(|d| d.code == "PK021");
            assert_ne!(said, runs, "{object}.{name}: runs {runs}, found {said}");
        }
    }
}

#[test]
fn published_policies_have_no_errors_but_names_of_platforms_that_are_not_here() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/policykit");
    let Ok(files) = std::fs::read_dir(&folder) else { return eprintln!("skipped: published policies are not here") };
    for file in files.flatten().filter(|f| f.path().extension().is_some_and(|e| e == "json")) {
        let text = std::fs::read_to_string(file.path()).unwrap();
        for policy in from_policykit_json(&text).unwrap_or_default() {
            let errors: Vec<Diagnostic> = diagnose(&MontySandbox, &policy, &vocabulary())
                .into_iter()
                .filter(|d| d.severity == Severity::Error)
                .filter(|d| !["`discord`", "`opencollective`"].iter().any(|name| d.message.contains(name)))
                // The chat of these tests has fewer fields and parameters than the real one.
                .filter(|d| d.code != "PK021" && d.code != "PK022")
                .collect();
            assert!(errors.is_empty(), "{}: {errors:#?}", policy.name);
        }
    }
}

#[test]
fn every_code_has_a_page() {
    let pages = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/diagnostics");
    for code in CODES {
        let page = std::fs::read_to_string(pages.join(format!("{code}.md"))).unwrap_or_default();
        assert!(page.starts_with(&format!("# {code}: ")), "{code} has no page");
    }
    for (.., code, _, _) in CASES {
        assert!(CODES.contains(code), "{code}");
    }
    assert!(
        diagnose(&MontySandbox, &PolicyDraft { blocks: Blocks::default(), ..draft(Block::Check, "") }, &vocabulary())
            .is_empty()
    );
}
