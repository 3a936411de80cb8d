//! Work that the interpreter does at one go, where it does not look at the clock: bounded before it begins.

use std::{sync::mpsc, time::Duration};

use policykit_core::policy::Block;
use policykit_policy::Progress;
use rustix::time::{ClockId, clock_gettime};

use crate::common::{blocks, check, run_on, snapshot};

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

pub(crate) fn all_within(sources: &[String]) {
    let mut wrong = Vec::new();
    for source in sources {
        match within_its_time(source) {
            Ok((said, used)) => {
                eprintln!("{used:?} {said}  <- {}", source.replace('\n', "; "));
                if used > MOST {
                    wrong.push(format!("{used:?} for\n{source}"));
                }
            }
            // It goes on beside what would come after it, and takes the time from that.
            Err(why) => {
                wrong.push(why);
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

pub(crate) fn sources(texts: &[&str]) -> Vec<String> {
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

/// Two lists with as many ends as there are atoms, in hardly any memory.
const LISTS: &str = "x = []\ny = []\nfor i in range(100):\n    x = [x, x]\n    y = [y, y]\n";

/// Two tuples of that kind, which can be looked up.
const TUPLES: &str = "x = ()\ny = ()\nfor i in range(100):\n    x = (x, x)\n    y = (y, y)\n";

pub(crate) fn after(before: &str, tails: &[&str]) -> Vec<String> {
    tails.iter().map(|tail| format!("{before}{tail}")).collect()
}

#[test]
fn lists_that_hold_each_other_many_times_over_are_not_compared() {
    all_within(&after(
        LISTS,
        &[
            "return x == y",
            "return x != y",
            "return x < y",
            "return x in [y]",
            "return y not in (1, x)",
            "return x in iter([y])",
            "return [x].index(y)",
            "return list.index([x], y)",
            "return list(map(list.index, [[x]], [y]))",
            "f = [x].index\nreturn f(y)",
            "return [x].count(y)",
            "[x].remove(y)",
            "return sorted([x, y])",
            "return sorted([1, 2], key=lambda i: x if i == 1 else y)",
            "return list(map(sorted, [[x, y]]))",
            "z = [x, y]\nz.sort()",
            "z = [1, 2]\nz.sort(key=lambda i: x if i == 1 else y)",
            "return max(x, y)",
            "return min([x, y])",
            "return max(iter([x, y]))",
            "f = max\nreturn f(x, y)",
            "return [max][0](x, y)",
            "return max([1, 2], key=lambda i: x if i == 1 else y)",
            "return [len(list(g)) for k, g in itertools.groupby([x, y])]",
            "return [len(list(g)) for k, g in itertools.groupby([1, 2], key=lambda i: x if i == 1 else y)]",
            "return {'a': x} == {'a': y}",
            "return {'a': x}.items() == {'a': y}.items()",
            "return (x, 1) == (y, 1)",
            "assert x == y",
            "return all(a == b for a, b in [(x, y)])",
            "def f(a, b):\n    return a == b\nreturn f(x, y)",
            "return (lambda a, b: a == b)(x, y)",
            "variables.x = x\nvariables.y = y\nreturn variables.x == variables.y",
        ],
    ));
}

#[test]
fn lists_that_hold_each_other_many_times_over_are_not_handed_over() {
    all_within(&after(
        LISTS,
        &[
            "return x",
            "return {'a': x}",
            "return iter([x])",
            "return itertools.repeat(x)",
            "return str(x)",
            "return repr(x)",
            "return ascii(x)",
            "return format(x)",
            "return f'{x}'",
            "return f'{x!r}'",
            "return f'{x=}'",
            "return '{}'.format(x)",
            "return list(map(str, [x]))",
            "return json.dumps(x)",
            "return json.dumps({'a': x}, indent=2)",
            "f = json.dumps\nreturn f(x)",
            "return '%s' % x",
            "return '%r' % x",
            "return '%a' % x",
            "return callable(x)",
            "return f'{(x)= !s}'",
            "t = '{}'\nreturn t.format(x)",
            "return list(map(repr, [x]))",
            "return list(map('{}'.format, [x]))",
            "return hasattr(x, 'index')",
            "return getattr(x, 'in' + 'dex')",
            "return isinstance(1, x)",
            "proposal.data.set('x', x)",
            "proposal.data.set('x', value=x)",
            "slack.post_message(text=x)",
            "slack.post_message(x)",
            "slack.post_message(*[x])",
            "slack.post_message(**{'text': x})",
            "logger.info(x)",
            "f = slack.post_message\nf(x)",
            "return [x].filter(a=1)",
            "print(x)",
            "print(*[x])",
            "raise ValueError(x)",
            "variables.x = x\nreturn variables",
            "variables['x'] = x\nslack.post_message(variables)",
            "variables[str('x')] = x\nslack.post_message([variables])",
            "setattr(variables, str('x'), x)\nslack.post_message(text=variables)",
            "v = variables\nvariables.x = x\nreturn v",
            "v = variables\nv.a = x\nreturn v",
            "v = variables\nv.a, v.b = x, 1\nreturn v",
            "v = variables\nv.a = []\nv.a += [x]\nreturn v",
            "s = setattr\ns(variables, 'a', x)\nreturn variables",
            "a = action\na.text = x\nreturn a",
            "u = action.initiator\nu.a, b = x, 1\nreturn u",
            "action.initiator.role_names.append(x)\nslack.post_message(action)",
            "action.initiator.role_names[0] = x\nreturn action.initiator",
            "r = action.initiator.role_names\nr += [x]\nreturn action",
        ],
    ));
}

#[test]
fn tuples_that_hold_each_other_many_times_over_are_not_looked_up() {
    all_within(&after(
        TUPLES,
        &[
            "return hash(x)",
            "return list(map(hash, [x]))",
            "f = hash\nreturn f(x)",
            "return x == y",
            "return len({x, y})",
            "return {x: 1}",
            "return {a: 1 for a in [x]}",
            "return {a for a in [x]}",
            "d = {}\nd[x] = 1",
            "d = {}\nd[x], a = 1, 2",
            "d = {}\nd[x] += 1",
            "d = {}\ndel d[x]",
            "d = {1: 2}\nreturn d.get(y)",
            "d = {1: 2}\nreturn d[y]",
            "d = {1: 2}\nreturn y in d",
            "d = {}\nd.setdefault(x, 1)",
            "d = {}\nd.update([(x, 1)])",
            "d = {}\nd.update(iter([(x, 1)]))",
            "return dict([(x, 1)])",
            "return dict(zip([x], [1]))",
            "return dict.fromkeys([x])",
            "return dict.fromkeys(iter([x]))",
            "l = [1]\nz = iter(l)\nl[0] = x\nreturn set(z)",
            "l = [1]\nz = iter(l)\nl[0] = x\nreturn {1}.union(z)",
            "l = [1]\nz = iter(l)\nl[0] = x\nreturn {1}.isdisjoint(z)",
            "return x in {y}",
            "z = set()\nz.add(x)",
            "return len(set([x, y]))",
            "return len(frozenset([x, y]))",
            "z = zip([x], [1])\nreturn set(z)",
            "z = map(lambda a: a, [x])\nreturn set(z)",
            "z = {1}\nz |= {x}",
            "z = {1}\nz.difference_update([x])",
            "return isinstance(1, x)",
            "t = (str,)\nfor i in range(100):\n    t = (t, t)\nreturn isinstance(1, t)",
            "t = (str,)\nfor i in range(100):\n    t = (t, t)\nreturn list(map(isinstance, [1], [t]))",
            "t = (str,)\nfor i in range(100):\n    t = (t, t)\nreturn issubclass(int, t)",
            "t = (ValueError,)\nfor i in range(100):\n    t = (t, t)\ntry:\n    return 1 // 0\nexcept t:\n    return 1",
            "return 'a'.startswith(x)",
        ],
    ));
}

#[test]
fn what_holds_each_other_many_times_over_is_found_however_it_is_made() {
    all_within(&sources(&[
        "x = {}\ny = {}\nfor i in range(100):\n    x = {1: x, 2: x}\n    y = {1: y, 2: y}\nreturn x == y",
        "x = []\ny = []\nfor i in range(100):\n    x = list((x, x))\n    y = list(zip(y, y))\nreturn x == y",
        "def f(*a):\n    return a\nx = f()\ny = f()\nfor i in range(100):\n    x = f(x, x)\n    y = f(y, y)\nreturn x == y",
        "x = [[]]\ny = [[]]\nfor i in range(100):\n    x.append(x[:])\n    y.append(y[:])\nreturn x == y",
        "x = []\ny = []\nfor i in range(100):\n    x = [x] * 2\n    y = [y] * 2\nreturn x == y",
        "x = []\ny = []\nfor i in range(100):\n    x = [x for _ in range(2)]\n    y = [y for _ in range(2)]\nreturn x == y",
        "x = [{} for _ in range(12)]\nfor a in x:\n    for i, b in enumerate(x):\n        a[i] = b\nreturn x",
        "x = [1]\nx.append(x)\nx.append(x)\ny = [1]\ny.append(y)\ny.append(y)\nreturn x == y",
        "d = json.loads('{\"a\": []}')\nfor i in range(100):\n    d['a'] = [d['a'], d['a']]\nreturn d",
        "x = 'a' * 10 ** 7\ny = 'a' * 10 ** 7\nfor i in range(3):\n    x = [x] * 36\n    y = [y] * 36\nreturn x == y",
        "x = 3 ** 500000\ny = 3 ** 500000\nfor i in range(3):\n    x = [x] * 36\n    y = [y] * 36\nreturn x == y",
        "x = []\nwhile True:\n    x = [x, x]\n    try:\n        x == [x]\n    except BaseException:\n        pass",
    ]));
}

#[test]
fn variables_that_hold_each_other_many_times_over_are_not_kept() {
    for kept in [
        "variables.x = x",
        "variables['x'] = x",
        "setattr(variables, 'x', x)",
        "variables.x = [1]\nvariables.x.append(x)",
    ] {
        let source = format!("{LISTS}{kept}");
        let mut run = run_on(snapshot(), &blocks(Block::Initialize, &source));
        assert!(matches!(run.start(Block::Initialize), Progress::Failed(_)), "{kept}");
    }
}

#[test]
fn what_is_large_but_flat_is_measured_and_used_as_ever() {
    for source in [
        "x = [[i] for i in range(200)]\ny = [[i] for i in range(200)]\nreturn x == y",
        "x = {i: (i, [i]) for i in range(200)}\nreturn (7, [7]) in x.values()",
        "x = [(i % 7, str(i)) for i in range(500)]\nreturn len(sorted(x)) == 500 and max(iter(x))[0] == 6",
        "variables.x = [{'a': [i]} for i in range(100)]\nreturn variables.x[7] == {'a': [7]}",
        "d = {}\nfor i in range(100):\n    k = (i, (i,))\n    d[k], last = i, i\nreturn d[(7, (7,))] == 7",
    ] {
        assert_eq!(check(source), policykit_core::Value::Bool(true), "{source}");
    }
}

#[test]
fn what_goes_on_for_ever_is_stopped_wherever_it_is_walked_through() {
    let hidden = |source: &&str| {
        // Where it can be seen, it is refused when it is saved (PK029); here it cannot.
        let names = ["count", "repeat", "cycle"];
        let known = |source: String, name: &&str| source.replace(&format!("itertools.{name}("), &format!("{name}("));
        let source = names.iter().fold((*source).to_owned(), known);
        let begin = |name: &str| format!("{name} = lambda *some: itertools.{name}(*some)\n");
        names.iter().map(|name| begin(name)).collect::<String>() + &source
    };
    let sources: Vec<String> = [
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
    ]
    .iter()
    .map(hidden)
    .collect();
    all_within(&sources);
}
