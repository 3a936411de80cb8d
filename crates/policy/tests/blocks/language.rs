//! The language, where it differs from what the interpreter offers by itself.

use policykit_core::{Value, ballot::BallotValue, policy::Block};
use policykit_policy::{MontySandbox, Sandbox};

use crate::common::{ballot, blocks, check, check_on, failure, run_on, snapshot};

#[test]
fn augmented_assignment_does_what_it_says() {
    assert_eq!(check("x = 10\nx -= 2\nx *= 3\nreturn x"), Value::Int(24));
}

#[test]
fn the_builtins_that_the_original_lacked_are_there() {
    assert_eq!(check("return sum([1, 2]) + max(3, 1) + min([5, 4])"), Value::Int(10));
    assert_eq!(check("return any(x > 1 for x in [1, 2]) and all([True])"), Value::Bool(true));
    assert_eq!(
        check("return [i for i, c in enumerate(reversed([1, 2]))]"),
        Value::List(vec![Value::Int(0), Value::Int(1)])
    );
    assert_eq!(
        check("return sorted({'b': 1, 'a': 2}.items(), key=lambda x: x[1], reverse=True)[0][0]"),
        Value::str("a")
    );
}

#[test]
fn allowed_modules_work_with_and_without_import() {
    assert_eq!(check("import datetime\nreturn datetime.timedelta(days=1).total_seconds()"), Value::Float(86400.0));
    assert_eq!(check("return math.ceil(1.2) + len(json.dumps([1]))"), Value::Int(5));
    assert_eq!(check("return string.digits[3] + base64.b64encode(b'x').decode()"), Value::str("3eA=="));
    assert_eq!(check("from datetime import timedelta as td\nreturn td(hours=2) / td(hours=1)"), Value::Float(2.0));
}

#[test]
fn random_numbers_follow_from_the_seed() {
    let first = check("return [random.randint(1, 6) for i in range(5)]");
    assert_eq!(first, check("return [random.randint(1, 6) for i in range(5)]"));
    let mut other = snapshot();
    other.seed = 8;
    assert_ne!(first, check_on(other, "return [random.randint(1, 6) for i in range(5)]"));
}

#[test]
fn the_clock_is_the_snapshots() {
    assert_eq!(check("return datetime.datetime.now().year"), Value::Int(2023));
    assert_eq!(check("return datetime.datetime.utcnow().isoformat()"), Value::str("2023-11-14T22:13:20"));
}

#[test]
fn objects_read_as_people_expect_in_text() {
    assert_eq!(check("return f'{action} by {action.initiator}'"), Value::str("post a message by Name of U1"));
    assert_eq!(check("return '%s: %d' % (str(action.initiator), 3)"), Value::str("Name of U1: 3"));
}

#[test]
fn votes_can_be_counted_filtered_and_listed_like_rows() {
    let mut snapshot = snapshot();
    snapshot.ballots = vec![
        ballot("U1", BallotValue::Choice("consent".into())),
        ballot("U2", BallotValue::Choice("object".into())),
        ballot("U3", BallotValue::Choice("consent".into())),
    ];
    let on = |source: &str| check_on(snapshot.clone(), source);
    assert_eq!(on("return proposal.get_choice_votes(value='consent').count()"), Value::Int(2));
    assert_eq!(on("return len(proposal.get_choice_votes())"), Value::Int(3));
    assert_eq!(
        on("return [v[0] for v in proposal.get_choice_votes().values_list('user__username')]"),
        Value::List(vec![Value::str("U1"), Value::str("U2"), Value::str("U3")])
    );
    assert_eq!(
        on("return proposal.get_choice_votes().filter(user__username__in=['U2']).first().value"),
        Value::str("object")
    );
    assert_eq!(on("return proposal.get_choice_votes().exclude(value='object').exists()"), Value::Bool(true));
    assert_eq!(on("return proposal.get_yes_votes().exists()"), Value::Bool(false));
}

#[test]
fn an_empty_list_of_voters_means_nobody_and_none_means_everybody() {
    let mut snapshot = snapshot();
    snapshot.ballots = vec![ballot("U1", BallotValue::Boolean(true)), ballot("U2", BallotValue::Boolean(true))];
    let on = |source: &str| check_on(snapshot.clone(), source);
    assert_eq!(on("return proposal.get_yes_votes(users=[]).count()"), Value::Int(0));
    assert_eq!(on("return proposal.get_yes_votes(users=None).count()"), Value::Int(2));
    assert_eq!(on("return proposal.get_yes_votes(users=['U2'])[0].user.username"), Value::str("U2"));
    assert_eq!(on("return proposal.get_yes_votes([action.initiator]).count()"), Value::Int(1));
}

#[test]
fn data_is_read_back_as_it_was_written() {
    assert_eq!(check("proposal.data.set('n', {'a': [1, 2]})\nreturn proposal.data.get('n')['a'][1]"), Value::Int(2));
    assert_eq!(check("return proposal.data.get('missing')"), Value::None);
    assert_eq!(check("proposal.data.set('n', 0)\nreturn proposal.data.remove('n')"), Value::Bool(true));
}

#[test]
fn blank_blocks_do_nothing() {
    let program = MontySandbox.compile(&blocks(Block::Check, "# only a comment\n\n")).unwrap();
    assert!(program.is_blank(Block::Check) && program.is_blank(Block::Notify));
}

#[test]
fn an_error_is_reported_at_the_authors_line_and_column() {
    let error = failure("x = 1\nfor i in [1]:\n    y = f\"{x}\" + str(undefined_name)\n");
    assert_eq!((error.line, error.column), (3, 22), "{error}");
    assert_eq!(error.to_string(), "NameError at line 3, column 22 of check: name 'undefined_name' is not defined");
    let error = failure("if True:\n  raise ValueError('no')");
    assert_eq!(error.to_string(), "ValueError at line 2, column 9 of check: no");
}

#[test]
fn a_mistyped_method_says_what_was_meant() {
    let error = failure("return proposal.get_yess_votes()");
    assert!(error.message.contains("did you mean `get_yes_votes`"), "{error}");
    let error = failure("slack.post_mesage(text='x')");
    assert!(error.message.contains("did you mean `post_message`"), "{error}");
    let error = failure("slack.post_message(txet='x')");
    assert!(error.message.contains("did you mean `text`"), "{error}");
}

#[test]
fn a_platform_the_community_is_not_on_is_no_name() {
    let error = failure("discord.post_message(text='x')");
    assert!(error.to_string().starts_with("NameError at line 1"), "{error}");
}

#[test]
fn what_cannot_run_is_said_when_the_policy_is_saved() {
    for (source, code, line) in [
        ("x = (", "PK001", 1),
        ("import os", "PK010", 1),
        ("x = 1\ny = x.__class__", "PK011", 2),
        ("class A:\n    pass", "PK014", 1),
        ("yield 1", "PK015", 1),
        ("x = 1\nmatch x:\n    case 1:\n        pass", "PK016", 2),
    ] {
        let problems = MontySandbox.compile(&blocks(Block::Check, source)).unwrap_err();
        assert_eq!((problems[0].code, problems[0].line), (code, line), "{source}: {problems:?}");
    }
}

#[test]
fn host_calls_work_inside_sort_keys() {
    assert_eq!(
        check(
            "proposal.data.set('a', 2)\nproposal.data.set('b', 1)\nreturn sorted(['a', 'b'], key=lambda k: proposal.data.get(k))"
        ),
        Value::List(vec![Value::str("b"), Value::str("a")])
    );
}

#[test]
fn picks_for_candidates_are_read_by_user_and_by_candidate() {
    use policykit_core::{Timestamp, ballot::Pick};
    let picked = |picks: &[(&str, Option<&str>)]| {
        let pick = |option: Option<&str>| Pick { at: Timestamp::from_secs(1), option: option.map(str::to_owned) };
        BallotValue::Select(picks.iter().map(|(candidate, option)| ((*candidate).to_owned(), pick(*option))).collect())
    };
    let mut snapshot = snapshot();
    snapshot.ballots = vec![
        ballot("U1", picked(&[("J. R.", Some("yes")), ("cy", Some("no"))])),
        ballot("U2", picked(&[("J. R.", Some("yes")), ("cy", None)])),
        ballot("U3", picked(&[("J. R.", None)])),
    ];
    for (code, expected) in [
        (
            "return str(proposal.get_select_votes_by_users())",
            "{'U1': {'J. R.': 'yes', 'cy': 'no'}, 'U2': {'J. R.': 'yes'}}",
        ),
        (
            "return str(proposal.get_select_votes_by_candidates())",
            "{'J. R.': {'yes': ['U1', 'U2']}, 'cy': {'no': ['U1']}}",
        ),
        ("return str(proposal.get_select_votes_by_candidates(users=['U2']))", "{'J. R.': {'yes': ['U2']}}"),
        ("return str(proposal.get_select_votes_by_candidates(users=[]))", "{}"),
        ("return str(proposal.get_select_voters())", "['U1', 'U2']"),
        (
            "return str([(v.user.username, v.candidate, v.option) for v in proposal.get_all_select_votes()])",
            "[('U1', 'J. R.', 'yes'), ('U1', 'cy', 'no'), ('U2', 'J. R.', 'yes')]",
        ),
    ] {
        assert_eq!(check_on(snapshot.clone(), code), Value::str(expected), "{code}");
    }
}

#[test]
fn several_chosen_options_are_a_choice_each() {
    let mut snapshot = snapshot();
    snapshot.ballots = vec![
        ballot("U1", BallotValue::Multi(["tea".to_owned(), "cake".to_owned()].into())),
        ballot("U2", BallotValue::Multi(["tea".to_owned()].into())),
    ];
    assert_eq!(check_on(snapshot.clone(), "return proposal.get_choice_votes(value='tea').count()"), Value::Int(2));
    assert_eq!(check_on(snapshot, "return len(proposal.get_choice_votes())"), Value::Int(3));
}

#[test]
fn methods_of_the_host_can_be_handed_around() {
    use policykit_policy::Progress;
    let source = "post = slack.post_message\nfor text in ['a', 'b']:\n    post(text=text)\nreturn hasattr(slack, 'post_message')";
    let mut run = run_on(snapshot(), &blocks(Block::Check, source));
    let mut texts = Vec::new();
    let mut progress = run.start(Block::Check);
    while let Progress::Call(call) = progress {
        texts.push(call.args["text"].clone());
        progress = run.answer(policykit_policy::Answer::Value(Value::None));
    }
    assert_eq!(texts, ["a", "b"]);
    assert_eq!(progress, Progress::Done(Value::Bool(true)));
    assert_eq!(check("get = proposal.data.get\nproposal.data.set('n', 4)\nreturn get('n')"), Value::Int(4));
    assert_eq!(check("return list(map(action.initiator.has_role, ['Base Role', 'x']))[1]"), Value::Bool(false));
    let error = failure("post = slack.post_mesage\nreturn 1");
    assert_eq!((error.line, error.column), (1, 8), "{error}");
    assert_eq!(check("return hasattr(slack, 'post_mesage') or hasattr(action, 'nothing')"), Value::Bool(false));
    assert_eq!(check("return getattr(action, 'text')[:4] + getattr(action, 'nothing', '-')"), Value::str("core-"));
}

#[test]
fn what_comes_after_the_answer_is_known_is_not_asked() {
    let asks = |source: &str| {
        let mut run = run_on(snapshot(), &blocks(Block::Check, source));
        run.start(Block::Check);
        run.report().logs.len()
    };
    assert_eq!(asks("return any(logger.info(n) is None for n in [1, 2, 3])"), 1);
    assert_eq!(asks("return all(logger.info(n) for n in [1, 2, 3])"), 1);
    assert_eq!(asks("return next((n for n in [1, 2, 3] if logger.info(n) is None), 0)"), 1);
    assert_eq!(asks("return any(logger.info(v) for k, v in {'a': 1, 'b': 2}.items())"), 2);
}

#[test]
fn variables_can_be_read_and_set_by_a_computed_name() {
    assert_eq!(check("variables['a'] = 2\nname = 'a'\nreturn variables[name] + variables['a']"), Value::Int(4));
    assert_eq!(check("for name in ['a', 'b']:\n    variables[name] = name * 2\nreturn variables.b"), Value::str("bb"));
    assert_eq!(failure("name = 'a'\nreturn variables[name]").to_string(), "KeyError at line 2, column 8 of check: a");
    assert_eq!(check("variables['a'], x = 1, 2\nreturn variables.a"), Value::Int(1));
}

#[test]
fn lengths_of_time_are_noted_whatever_they_are_called() {
    for source in [
        "return datetime.timedelta(hours=2)",
        "import datetime as dt\nreturn dt.timedelta(hours=2)",
        "from datetime import timedelta\nreturn timedelta(hours=2)",
        "from datetime import datetime, timedelta as td\nreturn td(minutes=120.0)",
    ] {
        let mut run = run_on(snapshot(), &blocks(Block::Check, source));
        run.start(Block::Check);
        assert_eq!(run.report().durations, [7_200_000_000], "{source}");
    }
    assert_eq!(
        check("from datetime import datetime\nreturn datetime.utcnow().year + datetime.now().year"),
        Value::Int(4046)
    );
}

#[test]
fn functions_that_are_handed_in_may_ask_the_host() {
    let stored = "proposal.data.set('a', 2)\nproposal.data.set('b', 1)\nget = lambda k: proposal.data.get(k)\n";
    for (code, expected) in [
        ("return str(sorted('ab', key=get))", "['b', 'a']"),
        ("return max('ab', key=lambda k: proposal.data.get(k))", "a"),
        ("return min(['a', 'b'], key=get)", "b"),
        ("l = ['a', 'b']\nl.sort(key=get)\nreturn l[0]", "b"),
        ("return str(list(map(get, 'ab')))", "[2, 1]"),
        ("return str(list(filter(lambda k: get(k) > 1, 'ab')))", "['a']"),
        ("return str([list(g) for k, g in itertools.groupby('ab', get)])", "[['a'], ['b']]"),
        ("return re.sub('[ab]', lambda m: str(get(m.group())), 'ab')", "21"),
        ("return json.dumps([action.initiator], default=lambda u: u.username)", "[\"U1\"]"),
    ] {
        assert_eq!(check(&format!("{stored}{code}")), Value::str(expected), "{code}");
    }
}

#[test]
fn objects_of_the_host_are_compared_and_are_no_keys() {
    assert_eq!(check("return action.initiator in [action.initiator]"), Value::Bool(true));
    let error = failure("u = action.initiator\nreturn {u: 1}");
    assert_eq!((error.line, error.to_string().starts_with("TypeError")), (2, true), "{error}");
    let error = failure("return f'{action.initiator:>20}'");
    assert!(error.to_string().starts_with("TypeError at line 1, column 11"), "{error}");
}
