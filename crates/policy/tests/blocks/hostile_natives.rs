//! Work that the interpreter does at one go, where it does not look at the clock: bounded before it begins.

use std::{sync::mpsc, time::Duration};

use policykit_core::policy::Block;
use policykit_policy::Progress;
use rustix::time::{ClockId, clock_gettime};

use crate::common::{blocks, run_on, snapshot};

/// The processor time that a block may take at most, whatever it does: its own limit and what is done at one go.
const MOST: Duration = Duration::from_secs(2);

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

/// What a block comes to and how much it computed; on a thread of its own, so that one which never ends is a failure and
/// not a test that never ends.
fn within_its_time(source: &str) -> Result<(String, Duration), String> {
    let (told, heard) = mpsc::channel();
    let text = source.to_owned();
    std::thread::spawn(move || {
        let mut run = run_on(snapshot(), &blocks(Block::Check, &text));
        let begun = cpu();
        let progress = run.start(Block::Check);
        let used = cpu().saturating_sub(begun);
        let said = match progress {
            Progress::Failed(failure) => format!("{:?}: {}", failure.kind, failure.message),
            other => format!("{other:?}").chars().take(60).collect(),
        };
        let _ = told.send((said, used));
    });
    heard.recv_timeout(Duration::from_secs(30)).map_err(|_| format!("does not come back:\n{source}"))
}

fn all_within(sources: &[String]) {
    let mut wrong = Vec::new();
    for source in sources {
        match within_its_time(source) {
            Ok((said, used)) => {
                eprintln!("{used:?} {said}  <- {}", source.replace('\n', "; "));
                if used > MOST {
                    wrong.push(format!("{used:?} for\n{source}"));
                }
            }
            Err(why) => wrong.push(why),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn sources(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn numbers_do_not_grow_beyond_what_can_be_computed_with() {
    all_within(&sources(&[
        "return 10 ** 20 ** 5 > 1",
        "return pow(10, 20 ** 5) > 1",
        "x = 10 ** 1000\nfor i in range(40):\n    x = x * x\nreturn x > 1",
        "x = 10 ** 1000\nfor i in range(40):\n    x *= x\nreturn x > 1",
        "x = 10 ** 1000\nfor i in range(40):\n    x **= 2\nreturn x > 1",
        "return (1 << 10 ** 8) // ((1 << 5 * 10 ** 7) + 1) > 1",
        "return (1 << 10 ** 8) % ((1 << 5 * 10 ** 7) + 1) > 1",
        "return divmod(1 << 10 ** 8, (1 << 5 * 10 ** 7) + 1) == 1",
        "return (1 << 10 ** 8) / ((1 << 5 * 10 ** 7) + 1) > 1",
        "return int('f' * 10 ** 7, 16) // int('e' * 5 * 10 ** 6, 16) > 1",
        "return int('f' * 10 ** 7, 16) * int('e' * 10 ** 7, 16) > 1",
        "return int('9' * 10 ** 7) > 1",
        "return pow(3, int('f' * 10 ** 5, 16), int('e' * 10 ** 5, 16)) > 1",
        "return math.factorial(10 ** 6) > 1",
        "return math.comb(10 ** 7, 5 * 10 ** 6) > 1",
        "return math.perm(10 ** 6, 10 ** 6) > 1",
        "return math.isqrt(1 << 10 ** 8) > 1",
        "return math.gcd(1 << 10 ** 8, (1 << 9 * 10 ** 7) + 1) > 1",
        "return math.lcm(1 << 10 ** 8, (1 << 9 * 10 ** 7) + 1) > 1",
        "return math.prod([1 << 10 ** 7] * 100) > 1",
        "return round(1 << 10 ** 8, -10 ** 7) > 1",
        "return str(1 << 10 ** 8)",
        "return f'{1 << 10 ** 8}'",
        "return hash(1 << 10 ** 8)",
        "return float(1 << 10 ** 8)",
        "x = 1\nwhile True:\n    try:\n        x = 10 ** 20 ** 5\n    except Exception:\n        pass",
    ]));
}

#[test]
fn what_goes_on_for_ever_is_stopped_wherever_it_is_walked_through() {
    all_within(&sources(&[
        "return 'a' in itertools.count()",
        "return any(itertools.repeat(0))",
        "return all(itertools.repeat(1))",
        "return list(zip(itertools.count(), itertools.count()))",
        "return max(itertools.count())",
        "return sum(itertools.repeat(1))",
        "a, b = itertools.count()",
        "x = []\nx.extend(itertools.count())",
        "return set(itertools.repeat(1))",
        "return ''.join(itertools.repeat('a'))",
        "return dict.fromkeys(itertools.repeat(1))",
        "return tuple(itertools.cycle([1]))",
        "return next(itertools.islice(itertools.count(), 10 ** 12, None))",
        "return next(itertools.dropwhile(lambda x: True, itertools.count()))",
        "return next(itertools.filterfalse(None, itertools.repeat(1)))",
        "return next(itertools.compress(itertools.repeat(1), itertools.repeat(0)))",
        "return list(itertools.chain.from_iterable(itertools.repeat([])))",
        "return list(itertools.zip_longest(itertools.count()))",
        "return list(itertools.accumulate(itertools.repeat(1)))",
        "return list(itertools.product(range(1000), repeat=5))",
        "return list(itertools.permutations(range(12)))",
        "return list(itertools.combinations(range(40), 20))",
        "return {1}.union(itertools.count())",
        "return {1}.isdisjoint(itertools.repeat(2))",
        "return {1}.issuperset(itertools.repeat(1))",
        "return sorted(range(10 ** 7))[0]",
        "return sorted([str(i % 1000) for i in range(10 ** 6)])[0]",
        "return list(range(10 ** 9))",
        "return 10 ** 12 in [1] * 10 ** 6",
        "return sum([[1]] * 10 ** 6, [])",
        "return len('a' * 10 ** 10)",
        "x = 'a' * 10 ** 7\nfor i in range(10 ** 6):\n    x.count('ab')",
        "x = 'a' * 10 ** 7\nreturn x.replace('a', 'b' * 100)",
        "x = 'a' * 10 ** 7\nreturn len(x.split('a'))",
        "return ' '.join(['a' * 10 ** 6] * 10 ** 5)",
        "return ('x' * 10 ** 7).center(10 ** 10)",
        "return f'{1:>10000000000}'",
        "return '%10000000000d' % 1",
        "return re.match('(a+)+$', 'a' * 40 + 'b')",
        "return re.findall('(a|a)*b', 'a' * 10 ** 6)",
        "return re.sub('a*', 'b', 'a' * 10 ** 6)[0]",
        "return re.compile('(' * 5000 + ')' * 5000)",
        "return json.loads('[' * 10 ** 6)",
        "return [0] * 10 ** 9",
        "return list(range(10 ** 6)) == list(range(10 ** 6))",
        "x = list(range(10 ** 5))\nreturn [i for i in x if i + 10 ** 6 in x]",
        "x = [0] * 10 ** 5\nwhile x:\n    x.pop(0)",
        "x = []\nwhile True:\n    x.insert(0, 1)",
    ]));
}
