//! What the original's own tests and its published examples say of whole policies, played as stories: cases 22 to 25 and 34.
//! Which test proves which case stands in `crates/policy/tests/blocks/inventory/conformance.txt`.

use policykit_core::policy::{Blocks, PolicyKind};

use super::{played, policy};

fn story(beginning: &str, replies: &[&str], steps: &[&str]) -> String {
    let list = |items: &[&str]| items.iter().map(|item| format!("  - {item}\n")).collect::<String>();
    let replies = if replies.is_empty() { String::new() } else { format!("replies:\n{}", list(replies)) };
    format!("name: as it was\n{beginning}\n{replies}steps:\n{}", list(steps))
}

const RENAME: &str = "community: {platforms: [slack, metagov], users: [{id: U1, name: Ada}, {id: U2, name: Ben}]}\n\
    action: {type: slackrenameconversation, initiator: U1, fields: {channel: C1, name: n, previous_name: o}}";

/// 22.
#[tokio::test]
async fn a_process_begun_in_initialize_and_closed_in_check_decides_at_once() {
    let blocks = Blocks {
        initialize:
            "process = metagov.start_process('randomness.delayed-stochastic-vote', options=['one', 'two'], delay=1)\n\
            logger.info('status ' + process.status)\nreturn variables"
                .to_owned(),
        check: "process = metagov.close_process()\nlogger.info('winner ' + process['outcome']['winner'])\n\
            if process.status == 'completed' and process.outcome['winner'] in ['one', 'two']:\n    return PASSED\n\
            return FAILED"
            .to_owned(),
        success: "logger.info('closed ' + str(proposal.is_vote_closed))\n\
            logger.info('then ' + metagov.get_process().outcome.get('winner'))"
            .to_owned(),
        ..Blocks::default()
    };
    let closed = "returns: {status: completed, outcome: {winner: two}}}";
    let told = story(
        RENAME,
        &[
            "{call: metagov.start_process, returns: {status: pending}}",
            &format!("{{call: metagov.close_process, {closed}"),
            &format!("{{call: metagov.get_process, {closed}"),
        ],
        &["expect: {status: passed, logs: [{message: status pending}, {message: winner two}, {message: closed True}, \
           {message: then two}], calls: [{metagov.start_process: {more: {delay: 1, options: [one, two]}}}, \
           metagov.close_process]}"],
    );
    played(&told, vec![policy(PolicyKind::Platform, &["slackrenameconversation"], blocks)]).await;
}

/// 23.
#[tokio::test]
async fn a_proposal_waits_for_its_process_and_goes_on_by_itself() {
    let blocks = Blocks {
        notify: "metagov.start_process('randomness.delayed-stochastic-vote', {'options': ['one'], 'delay': 9})"
            .to_owned(),
        check: "process = metagov.get_process()\nif process is None or process.status != 'completed':\n    \
            logger.info(f'open {proposal.is_vote_closed}')\n    return PROPOSED\nreturn PASSED"
            .to_owned(),
        ..Blocks::default()
    };
    let told = story(
        RENAME,
        &[
            "{call: metagov.start_process, returns: {status: pending}}",
            "{call: metagov.get_process, returns: {status: pending}}",
        ],
        &[
            "expect: {status: proposed}",
            "{after: 10m, expect: {status: proposed, calls: []}}",
            "{after: 2h, replies: [{call: metagov.get_process, returns: {status: completed}}], expect: {status: passed}}",
        ],
    );
    played(&told, vec![policy(PolicyKind::Platform, &["slackrenameconversation"], blocks)]).await;
}

/// 24.
#[tokio::test]
async fn an_action_of_a_plugin_gives_back_its_value_and_initialize_may_log() {
    let blocks = Blocks {
        initialize: "logger.info('it begins')\nvariables.drawn = metagov.perform_action('randomness.random-int', low=4, high=5)\n\
            return variables"
            .to_owned(),
        check: "return PASSED if variables.drawn.get('value') == 4 else FAILED".to_owned(),
        ..Blocks::default()
    };
    let told = story(
        RENAME,
        &["{call: metagov.perform_action, args: {more: {low: 4, high: 5}}, returns: {value: 4}}"],
        &["expect: {status: passed, logs: [{message: it begins}]}"],
    );
    played(&told, vec![policy(PolicyKind::Platform, &["slackrenameconversation"], blocks)]).await;
}

/// 25.
#[tokio::test]
async fn a_pin_that_happens_is_an_action_that_passes_with_data_and_a_line_in_the_log() {
    let blocks = Blocks {
        check: "return PASSED".to_owned(),
        success: "proposal.data.set('pinned', action.timestamp)\nlogger.debug(f'pinned in {action.channel}')"
            .to_owned(),
        ..Blocks::default()
    };
    let told = story(
        "community: {platforms: [slack], users: [{id: U1, name: Ada}]}\n\
         action: {type: slackpinmessage, initiator: U1, origin: platform, fields: {channel: C1, timestamp: \"1.5\"}}",
        &[],
        &["expect: {status: passed, reverted: false, calls: [], data: {pinned: \"1.5\"}, \
           logs: [{level: debug, message: pinned in C1}]}"],
    );
    played(&told, vec![policy(PolicyKind::Platform, &["slackpinmessage"], blocks)]).await;
}

/// 34: changes of the rules need an approval within three hours.
#[tokio::test]
async fn a_change_of_the_rules_needs_an_approval_within_three_hours() {
    let blocks = Blocks {
        check: "if not proposal.vote_post_id:\n    return None\nyes_votes = proposal.get_yes_votes().count()\n\
            if yes_votes >= 1:\n    return PASSED\nelif proposal.get_time_elapsed() > datetime.timedelta(hours=3):\n    \
            return FAILED\nreturn PROPOSED"
            .to_owned(),
        notify: "slack.initiate_vote(text=f\"{action} was proposed by {action.initiator}\", channel='C9')".to_owned(),
        success: "slack.post_message(text='passed', channel='C9', thread_ts=proposal.vote_post_id)".to_owned(),
        fail: "slack.post_message(text='nobody approved', channel='C9', thread_ts=proposal.vote_post_id)".to_owned(),
        ..Blocks::default()
    };
    let beginning = "community: {platforms: [slack], users: [{id: U1, name: Ada}, {id: U2, name: Ben}]}\n\
        action: {type: policykitaddcommunitydoc, initiator: U1, fields: {name: Rules, text: be kind}}";
    let replies = ["{call: slack.initiate_vote, returns: {message_ts: \"9.9\"}}"];
    let asked =
        "status: proposed, executed: false, calls: [{slack.initiate_vote: {channel: C9, text: {contains: Ada}}}]";
    let approved = [
        &format!("expect: {{{asked}}}"),
        "{after: 1h, votes: [{user: U2, value: yes}], expect: {status: passed, executed: true, \
         calls: [{slack.post_message: {text: passed, thread_ts: \"9.9\"}}]}}",
    ];
    let ignored = [
        &format!("expect: {{{asked}}}"),
        "{after: 3h 2m, expect: {status: failed, executed: false, calls: [{slack.post_message: {text: nobody approved}}]}}",
    ];
    for steps in [approved, ignored] {
        let told = story(beginning, &replies, &steps);
        let governs = policy(PolicyKind::Constitution, &["policykitaddcommunitydoc"], blocks.clone());
        played(&told, vec![governs]).await;
    }
}

/// 34: a command is answered.
#[tokio::test]
async fn a_command_is_answered_with_pong() {
    let blocks = Blocks {
        filter: "return action.value == 'ping'".to_owned(),
        check: "return PASSED".to_owned(),
        success: "discord.post_message(text='pong', channel=action.channel)".to_owned(),
        ..Blocks::default()
    };
    for (said, expected) in [
        ("ping", "{status: passed, calls: [{discord.post_message: {text: pong, channel: \"40\"}}]}"),
        ("pin", "{matched: false}"),
    ] {
        let told = story(
            &format!(
                "community: {{platforms: [discord], users: [{{id: \"1\", name: Ada}}]}}\n\
                 action: {{type: discordslashcommand, initiator: \"1\", fields: {{channel: \"40\", value: {said}, \
                 interaction_token: t}}}}"
            ),
            &[],
            &[&format!("expect: {expected}")],
        );
        played(&told, vec![policy(PolicyKind::Trigger, &["discordslashcommand"], blocks.clone())]).await;
    }
}

/// 34: who has too little cred does not open topics in a category.
#[tokio::test]
async fn a_topic_in_a_category_takes_cred() {
    let blocks = Blocks {
        filter: "return action.category == 7".to_owned(),
        initialize: "variables.needed = 2\nreturn variables".to_owned(),
        check: "cred = sourcecred.get_cred(username=action.initiator.username)\nproposal.data.set('cred', cred)\n\
            return PASSED if cred >= variables.needed else FAILED"
            .to_owned(),
        fail: "discourse.post_message(f\"{action.initiator} has {proposal.data.get('cred')} cred\", topic_id=action.topic_id)"
            .to_owned(),
        ..Blocks::default()
    };
    for (category, cred, expected) in [
        (7, 5, "{status: passed, reverted: false, calls: [], data: {cred: 5}}"),
        (7, 1, "{status: failed, reverted: true, calls: [{discourse.post_message: {text: {contains: 1 cred}}}]}"),
        (8, 1, "{matched: false}"),
    ] {
        let replies =
            if category == 7 { vec![format!("{{call: sourcecred.get_cred, returns: {cred}}}")] } else { vec![] };
        let replies: Vec<&str> = replies.iter().map(String::as_str).collect();
        let told = story(
            &format!(
                "community: {{platforms: [discourse, sourcecred], users: [{{id: ada, name: Ada}}]}}\n\
                 action: {{type: discoursecreatetopic, initiator: ada, origin: platform, fields: {{topic_id: 3, title: t, \
                 category: {category}}}}}"
            ),
            &replies,
            &[&format!("expect: {expected}")],
        );
        played(&told, vec![policy(PolicyKind::Platform, &["discoursecreatetopic"], blocks.clone())]).await;
    }
}

/// 34: expenses are voted on elsewhere.
#[tokio::test]
async fn an_expense_is_voted_on_in_a_poll_elsewhere() {
    let blocks = Blocks {
        notify: "closing_at = proposal.proposal_time + datetime.timedelta(days=3)\n\
            loomio.initiate_vote(proposal, 'Expense: ' + action.description, closing_at, options=['agree', 'disagree'])\n\
            opencollective.post_message(text='A vote has begun', expense_id=action.expense_id)"
            .to_owned(),
        check: "if not proposal.vote_post_id:\n    return PROPOSED\npoll = loomio.get_poll(proposal.vote_post_id)\n\
            if not poll.get('closed_at'):\n    return PROPOSED\n\
            agree = poll['votes']['agree']\nreturn PASSED if agree > poll['votes']['disagree'] else FAILED"
            .to_owned(),
        success: "opencollective.process_expense(action.expense_id, 'APPROVE')".to_owned(),
        fail: "opencollective.process_expense(action.expense_id, 'REJECT')".to_owned(),
        ..Blocks::default()
    };
    for (agree, status, decided) in [(3, "passed", "APPROVE"), (1, "failed", "REJECT")] {
        let told = story(
            "community: {platforms: [loomio, opencollective], users: [{id: \"1\", name: Ada}, {id: dag, name: Dag, platform: \
             opencollective}]}\n\
             action: {type: expensecreated, initiator: dag, fields: {expense_id: e1, url: \"https://x\", description: Cake}}",
            &["{call: loomio.initiate_vote, returns: k1}", "{call: loomio.get_poll, returns: {closed_at: null}}"],
            &[
                "expect: {status: proposed, calls: [{loomio.initiate_vote: {title: \"Expense: Cake\"}}, \
                 {opencollective.post_message: {expense_id: e1}}]}",
                &format!(
                    "{{after: 3 days 1h, replies: [{{call: loomio.get_poll, returns: {{closed_at: then, votes: {{agree: {agree}, \
                     disagree: 2}}}}}}], expect: {{status: {status}, calls: [{{opencollective.process_expense: \
                     {{action: {decided}}}}}]}}}}"
                ),
            ],
        );
        played(&told, vec![policy(PolicyKind::Trigger, &["expensecreated"], blocks.clone())]).await;
    }
}
