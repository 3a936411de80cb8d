//! Values that are small in memory and endless to walk through, however they are made and wherever they are walked through.

use std::sync::mpsc;
use std::time::Duration;

use policykit_core::policy::Block;
use policykit_policy::{MontySandbox, Program, Sandbox};

use crate::{
    common::{blocks, snapshot},
    hostile_natives::{after, all_within, sources},
};

/// Two towers of tuples that end in numbers.
const TOWERS: &str = "t = (1,)\nu = (1,)\nfor i in range(60):\n    t = (t, t)\n    u = (u, u)\n";

#[test]
fn towers_are_walked_through_by_nothing_that_does_not_look_at_the_clock() {
    all_within(&after(
        TOWERS,
        &[
            "m = max\nreturn m(t, u) == 1",
            "m = min\nreturn m([t, u]) == 1",
            "return (max if t else min)(t, u)",
            "return {'m': max}['m'](t, u)",
            "def f(m):\n    return m(t, u)\nreturn f(max)",
            "return list(map(max, [t], [u]))",
            "return max([t, u])",
            "return max(*[t, u])",
            "return sorted([t, u])",
            "return sorted([(1, t), (1, u)])",
            "return sorted([1, 2], key=lambda i: [t, u][i - 1])",
            "return min([1, 2], key={1: t, 2: u}.get)",
            "return t == u",
            "return t in [u]",
            "return [t].index(u)",
            "return [t].count(u)",
            "return t < u",
            "return {t: 1}",
            "return repr(t)",
            "return f'{t}'",
            "return f'{t!r:>3}'",
            "return f'{t!s:3}'",
            "return f'{t!a:3}'",
            "return f'{t:3}'",
            "return f'{t=:3}'",
            "return f'{t=!r:3}'",
            "return f'{t = !s:>3}'",
            "return f'{t!r:{3}}'",
            "return '{a!r:3}'.format(a=t)",
            "return str.format('{}', t)",
            "return '%(a)s' % {'a': t}",
            "from json import dumps as d\nreturn d(t)",
            "import json as j\nreturn j.dumps(t)",
            "return list(map(json.dumps, [t]))",
            "from itertools import groupby as g\nreturn [1 for k, x in g([t, u])]",
            "import itertools as i\nreturn [1 for k, x in i.groupby([t, u])]",
            "return sorted([[t, u], [u, t]], key=max)",
            "raise KeyError(t)",
            "f = ValueError\nraise f(t)",
            "e = list(map(ValueError, [t]))\nreturn str(e[0])",
            "try:\n    raise ValueError(t)\nexcept ValueError as e:\n    return e.args == (u,)",
            "return variables[t]",
            "return getattr(action, t)",
            "setattr(variables, t, 1)",
            "return pow(t, u)",
            "return int('1', t)",
            "return datetime.datetime(t, 1, 1)",
            "return re.sub('a', t, 'a')",
            "return re.sub('a', lambda m: t, 'a')",
            "return base64.b64encode(t)",
            "return json.loads(t)",
            "return random.choices([1], weights=t)",
            "return {1}.union([t])",
            "return dict([(t, u)])",
            "return '%s' % (t,)",
            "return '{}'.format(t)",
            "return '{0!r:>3}'.format(t)",
            "return ''.join([t])",
            "return json.dumps([t])",
            "print(t)",
            "logger.info(t)",
            "return t",
            "slack.post_message(t)",
            "proposal.data.set('x', t)",
            "variables.x = t\nreturn variables.x == u",
            "z = [t, u]\nz.sort()",
            "z = [t]\nz.remove(u)",
            "z = [t, u]\nreturn z.index(u)",
            "z = [t, u]\nreturn getattr(z, 'index')(u)",
            "z = [t, u]\ngetattr(z, 'so' + 'rt')()",
            "return [1 for k, g in itertools.groupby([t, u])]",
            "return list(itertools.takewhile(lambda x: x == t, [u]))",
            "return list(itertools.accumulate([t, u], max))",
            "return list(itertools.starmap(max, [(t, u)]))",
            "return list(itertools.filterfalse(lambda x: x == t, [u]))",
            "return dict.get({1: t}, 1) == dict.get({1: u}, 1)",
            "return list.pop([t]) == list.pop([u])",
            "return list.copy([t]) == list.copy([u])",
            "return [t].pop() == [u].pop()",
            "return {}.get(1, t) == {}.get(1, u)",
            "return (lambda: t)() == (lambda: u)()",
            "return (t if u else 1) == (u if t else 1)",
            "return (t and u) == (u and t)",
            "return (a := t) == (b := u)",
            "return {1: t}[1] == [u][0]",
            "return proposal.data.get('x', t) == proposal.data.get('x', u)",
            "from random import choice as c\nreturn c([t]) == c([u])",
            "return list(itertools.pairwise([t, u])) == list(itertools.pairwise([u, t]))",
            "return random.choice([t, u]) == random.choice([u, t])",
            "return random.sample([t, u], 2) == random.sample([u, t], 2)",
            "z = [t, u]\nrandom.shuffle(z)\nreturn z == [u, t]",
            "return math.sqrt(t)",
            "return sum([t, u], ())",
            "return sum([t, u], ()) == sum([u, t], ())",
            "return int(t)",
            "return float(t)",
            "return round(t)",
            "return abs(t)",
            "return re.match(t, 'a')",
            "return datetime.timedelta(days=t)",
            "return [t] < [u]",
            "z = [t] * 2\nz += [u]\nreturn z[0] == z[2]",
            "return range(t)",
            "return 'abc'[t]",
            "return 'a'.replace(t, u)",
            "raise ValueError(f'{t}')",
            "return t.nothing",
            "return t()",
            "return t + 1",
            "return -t",
            "assert t != u, t",
        ],
    ));
}

#[test]
fn towers_are_found_however_they_are_built() {
    all_within(&sources(&[
        "t = (str,)\nfor i in range(60):\n    t = (t, t)\nreturn isinstance(1, t)",
        "t = (str,)\nfor i in range(60):\n    t = (t, t)\nf = isinstance\nreturn f(1, t)",
        "variables.n = 0\nvariables.t = (1,)\nvariables.u = (1,)\nwhile variables.n < 60:\n    variables.n = variables.n + 1\n    \
         variables.t = (variables.t, variables.t)\n    variables.u = (variables.u, variables.u)\nreturn variables.t == variables.u",
        "variables['n'] = 0\nvariables['t'] = (1,)\nvariables['u'] = (1,)\nwhile variables['n'] < 60:\n    variables['n'] += 1\n    \
         variables['t'] = (variables['t'], variables['t'])\n    variables['u'] = (variables['u'], variables['u'])\nreturn variables['t'] == variables['u']",
        "variables.a = variables\nvariables.b = variables\nreturn variables",
        "variables.a = variables\nvariables.b = variables\nslack.post_message(variables)",
        "variables.a = variables\nvariables.b = variables\nreturn repr(variables)",
        "variables.a = variables\nvariables.b = variables\nreturn f'{variables}'",
        "variables.a = variables\nvariables.b = variables\nprint(variables)",
        "setattr(variables, 'a', variables)\nsetattr(variables, 'b', variables)\nreturn variables",
        "v = variables\nv.a = v\nv.b = v\nreturn v",
        "v = variables\nv.a = v\nv.b = v\nreturn v == action",
        "a = action\na.text = a\na.channel = a\nreturn a",
        "a = action.initiator\na.x = a\na.y = a\nreturn a == action",
        "x = [1]\ny = [1]\nf = getattr(x, 'append')\nf(x)\nf(x)\ng = getattr(y, 'append')\ng(y)\ng(y)\nreturn x == y",
        "x = [1]\ny = [1]\nf = getattr(x, 'app' + 'end')\nf(x)\nf(x)\ng = getattr(y, 'app' + 'end')\ng(y)\ng(y)\nreturn x == y",
        "x = [1]\ny = [1]\nf = getattr(x, 'append')\ng = getattr(y, 'append')\nfor i in range(15):\n    f(x[:])\n    g(y[:])\n\
         return x * 10 ** 5 == y * 10 ** 5",
        "x = [1]\nf = getattr(x, 'app' + 'end')\nf(x)\nf(x)\nreturn x",
        "x = {1: 2}\ngetattr(x, 'setdefault')(3, x)\ngetattr(x, 'setdefault')(4, x)\nreturn x",
        "x = {1: 2, 2: 2}\nfor i in range(60):\n    x = dict.fromkeys('ab', x)\nreturn x",
        "x = {1: 2, 2: 2}\nfor i in range(60):\n    x = getattr(dict, 'fromkeys')('ab', x)\nreturn x",
        "x = [1]\ny = [1]\nfor i in range(60):\n    x[:] = [x[:], x[:]]\n    y[:] = [y[:], y[:]]\nreturn x == y",
        "x = [1]\ny = [1]\nfor i in range(60):\n    x.insert(0, x[:])\n    y.insert(0, y[:])\nreturn x == y",
        "x = [1]\ny = [1]\nfor i in range(60):\n    x.extend([x[:]])\n    y.extend([y[:]])\nreturn x == y",
        "x = [1]\ny = [1]\nfor i in range(60):\n    x = x * 2\n    x = [x, x][:]\n    y = [y * 2] * 2\n    break\nwhile True:\n    x = [x] * 2\n    y = [y] * 2\n    if x == y:\n        pass",
        "x = {1: 1}\ny = {1: 1}\nfor i in range(60):\n    x = {1: x.copy(), 2: x.copy()}\n    y = {1: y, 2: y}\nreturn list(x.values()) == list(y.values())",
        "x = (1,)\ny = (1,)\nfor i in range(60):\n    x = tuple(zip(x, x)) + (x,)\n    y = tuple(zip(y, y)) + (y,)\nreturn x == y",
        "x = (1, 1)\ny = (1, 1)\nfor i in range(60):\n    x = tuple(enumerate(x)) + tuple(enumerate(x))\nreturn hash(x)",
        "def f(n):\n    if n == 0:\n        return (1,)\n    a = f(n - 1)\n    return (a, a)\nreturn f(60) == f(60)",
        "def f(n, a=(1,)):\n    return a if n == 0 else f(n - 1, (a, a))\nreturn f(60) == f(60)",
        "def f(a):\n    def g():\n        return (a, a)\n    return g\nx = (1,)\ny = (1,)\nfor i in range(60):\n    x = f(x)()\n    y = f(y)()\nreturn x == y",
        "def f(*a, **k):\n    return k\nx = f(a=1)\ny = f(a=1)\nfor i in range(60):\n    x = f(a=x, b=x)\n    y = f(a=y, b=y)\nreturn x == y",
        "f = lambda *a: a\nx = f(1)\ny = f(1)\nfor i in range(60):\n    x = f(x, x)\n    y = f(y, y)\nreturn x == y",
        "x = [1]\ny = [1]\nfor i in range(60):\n    x = list(a for a in [x, x])\n    y = list(a for a in [y, y])\nreturn x == y",
        "x = [1, 1]\ny = [1, 1]\nfor i in range(60):\n    *x, a = x, x, 1\n    *y, a = y, y, 1\nreturn x == y",
        "x = {'a': 1}\nfor i in range(60):\n    x = {'a': x} | {'b': x}\nreturn x",
        "x = dict(a=1)\nfor i in range(60):\n    x = dict(a=x, b=x)\nreturn x",
        "x = [1]\nfor i in range(60):\n    x = list(itertools.repeat(x, 2))\nreturn x",
        "from itertools import repeat as r\nx = [1]\ny = [1]\nfor i in range(60):\n    x = list(r(x, 2))\n    y = list(r(y, 2))\nreturn x == y",
        "x = (1,)\nfor i in range(60):\n    x = (x, x)\ny = x\nfor i in range(150):\n    y = (y,)\nreturn hash(y)",
        "x = (1,)\nfor i in range(60):\n    x = (x, x)\nfor i in range(210):\n    x = (x,)\nreturn hash(x)",
        "x = (1,)\nfor i in range(60):\n    x = (x, x)\nfor i in range(210):\n    x = (x,)\nreturn repr(x)",
        "x = (1,)\ny = (1,)\nfor i in range(60):\n    x = (x, x)\n    y = (y, y)\nfor i in range(210):\n    x = (x,)\n    y = (y,)\nreturn x == y",
        "x = (1,)\nfor i in range(60):\n    x = (x, x)\nfor i in range(210):\n    x = (x,)\nreturn x",
        "x = (str,)\nfor i in range(60):\n    x = (x, x)\nfor i in range(210):\n    x = (x,)\nreturn isinstance(1, x)",
    ]));
}

#[test]
fn what_is_sought_in_much_is_compared_under_the_clock() {
    all_within(&sources(&[
        "x = list(range(10 ** 5))\ny = list(range(10 ** 5 - 1)) + [0]\nz = [y] * 10 ** 6\nreturn x in z",
        "x = list(range(10 ** 5))\ny = list(range(10 ** 5 - 1)) + [0]\nz = [y] * 10 ** 6\nreturn x not in z",
        "x = list(range(10 ** 5))\ny = list(range(10 ** 5 - 1)) + [0]\nz = [y] * 10 ** 6\nreturn x in iter(z)",
        "x = list(range(10 ** 5))\ny = list(range(10 ** 5 - 1)) + [0]\nz = [y] * 10 ** 6\nreturn z.count(x)",
        "x = list(range(10 ** 5))\ny = list(range(10 ** 5 - 1)) + [0]\nz = [y] * 10 ** 6\nreturn z.index(x)",
        "x = list(range(10 ** 5))\ny = list(range(10 ** 5 - 1)) + [0]\nz = [y] * 10 ** 6\nreturn list.index(z, x)",
        "x = list(range(10 ** 5))\ny = list(range(10 ** 5 - 1)) + [0]\nz = [y] * 10 ** 6\nf = z.index\nreturn f(x)",
        "x = list(range(10 ** 5))\ny = list(range(10 ** 5 - 1)) + [0]\nz = [y] * 10 ** 6\nz.remove(x)",
        "x = list(range(10 ** 5))\ny = list(range(10 ** 5 - 1)) + [0]\nz = tuple([y] * 10 ** 6)\nreturn z.count(x)",
        "x = list(range(10 ** 5))\ny = list(range(10 ** 5 - 1)) + [0]\nz = dict.fromkeys(range(10 ** 5), y)\nreturn x in z.values()",
        "x = 'a' * 10 ** 7\nz = ['a' * (10 ** 7 - 1) + 'b'] * 10 ** 6\nreturn x in z",
        "x = 'a' * 10 ** 7\nz = ['a' * (10 ** 7 - 1) + 'b'] * 10 ** 6\nreturn z.count(x)",
        "x = 'a' * 10 ** 7\nz = ['a' * (10 ** 7 - 1) + 'b'] * 10 ** 6\nreturn z.index(x)",
        "x = 'a' * 10 ** 7\nz = ['a' * (10 ** 7 - 1) + 'b'] * 10 ** 6\nreturn z == [x] * 10 ** 6",
        "z = ['a' * 10 ** 7] * 10 ** 6\nw = ['a' * (10 ** 7 - 1) + 'a'] * 10 ** 6\nreturn z == w",
        "z = ['a' * 10 ** 7, 'a' * (10 ** 7 - 1) + 'a'] * 10 ** 5\nreturn max(z) == min(z)",
        "z = ['a' * 10 ** 7, 'a' * (10 ** 7 - 1) + 'a'] * 10 ** 5\nreturn sorted(z)[0] == 1",
        "return 'a' * 10 ** 7 in ['a' * (10 ** 7 - 1) + 'b'] * 10 ** 6",
    ]));
}

#[test]
fn a_filter_that_makes_a_tower_holds_nobody_up_for_ever() {
    let tower = |leaf: &str, end: &str| {
        format!("t = ({leaf},)\nu = ({leaf},)\nfor i in range(60):\n  t = (t, t)\n  u = (u, u)\n{end}")
    };
    for bad in [
        tower("str", "return isinstance(1, t)"),
        tower("1", "return t == u"),
        tower("1", "m = max\nreturn m(t, u) == 1"),
        tower("1", "return list(map(max, [t], [u]))"),
        tower("1", "return t in [u]"),
        tower("1", "return [t].count(u)"),
        tower("1", "return {t: 1}"),
        tower("1", "return str(t)"),
        tower("1", "return f'{t}'"),
        tower("1", "return t"),
    ] {
        let (told, heard) = mpsc::channel();
        let text = bad.clone();
        std::thread::spawn(move || {
            let texts = ["return action.channel == 'C1'", &text, "return action.channel == 'C2'"];
            let programs: Vec<Program> =
                texts.iter().map(|text| MontySandbox.compile(&blocks(Block::Filter, text)).unwrap()).collect();
            let joined = MontySandbox.join(&programs.iter().map(Some).collect::<Vec<_>>());
            let mut said = [None; 3];
            // What a run that was stopped says is not believed; then they are asked again in smaller groups.
            for _ in 0..10 {
                for group in
                    (0..3).filter_map(|place| joined.group_of(place)).collect::<std::collections::BTreeSet<_>>()
                {
                    for (place, matches) in joined.run(group, &snapshot().action) {
                        said[place] = Some(matches);
                    }
                }
                if said[0].is_some() && said[2].is_some() {
                    break;
                }
            }
            let _ = told.send(said);
        });
        let said = heard.recv_timeout(Duration::from_secs(30)).unwrap_or_else(|_| panic!("does not come back:\n{bad}"));
        assert_eq!((said[0], said[2]), (Some(true), Some(false)), "{bad}");
    }
}
