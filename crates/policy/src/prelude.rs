//! What the interpreter lacks, written in the policy language itself; a block gets only the pieces it uses.

use std::collections::BTreeSet;

/// Modules the interpreter has; imported when the block names them.
const NATIVE_MODULES: &[&str] = &["datetime", "base64", "itertools", "json", "math"];

/// A piece: the name that calls for it, and its source. A piece may use others by their names.
const PIECES: &[(&str, &str)] = &[
    ("PASSED", "PASSED = 'passed'"),
    ("FAILED", "FAILED = 'failed'"),
    ("PROPOSED", "PROPOSED = 'proposed'"),
    (
        "_pk_str",
        "def _pk_str(x):\n    return x._str_ if hasattr(x, '_str_') else (str([_pk_text(v) for v in x]) if isinstance(x, list) else str(x))",
    ),
    (
        "_pk_text",
        "class _PkText:\n    def __init__(self, s):\n        self.s = s\n    def __repr__(self):\n        return self.s\ndef _pk_text(x):\n    return _PkText(x._str_) if hasattr(x, '_str_') else x",
    ),
    (
        "_pk_count",
        "def _pk_count(x, *a):\n    if a:\n        return x.count(a[0])\n    return len(x) if isinstance(x, (list, tuple)) else x.count()",
    ),
    (
        "_pk_filter",
        "def _pk_filter(x, *a, **k):\n    return _pk_query('filter', x, k) if isinstance(x, list) else x.filter(*a, **k)",
    ),
    (
        "_pk_exclude",
        "def _pk_exclude(x, *a, **k):\n    return _pk_query('exclude', x, k) if isinstance(x, list) else x.exclude(*a, **k)",
    ),
    ("_pk_all", "def _pk_all(x, *a, **k):\n    return x if isinstance(x, list) else x.all(*a, **k)"),
    ("_pk_exists", "def _pk_exists(x, *a, **k):\n    return len(x) > 0 if isinstance(x, list) else x.exists(*a, **k)"),
    (
        "_pk_first",
        "def _pk_first(x, *a, **k):\n    return (x[0] if x else None) if isinstance(x, list) else x.first(*a, **k)",
    ),
    (
        "_pk_last",
        "def _pk_last(x, *a, **k):\n    return (x[-1] if x else None) if isinstance(x, list) else x.last(*a, **k)",
    ),
    (
        "_pk_values_list",
        "def _pk_values_list(x, *a, **k):\n    return _pk_query('values_list', x, k, list(a)) if isinstance(x, list) else x.values_list(*a, **k)",
    ),
    (
        "_pk_order_by",
        "def _pk_order_by(x, *a, **k):\n    return _pk_query('order_by', x, k, list(a)) if isinstance(x, list) else x.order_by(*a, **k)",
    ),
    (
        "_pk_distinct",
        "def _pk_distinct(x, *a, **k):\n    return _pk_query('distinct', x, k) if isinstance(x, list) else x.distinct(*a, **k)",
    ),
    ("_pk_query", "def _pk_query(op, rows, k, fields=[]):\n    return policy.rows(op, rows, k, fields)"),
    (
        "_pk_sort",
        "def _pk_sort(x, *a, key=None, reverse=False):\n    if not isinstance(x, list):\n        return x.sort(*a)\n    y = sorted(x, key=key, reverse=reverse)\n    x.clear()\n    x.extend(y)",
    ),
    (
        "_pk_timedelta",
        "def _pk_timedelta(*a, **k):\n    t = datetime.timedelta(*a, **k)\n    policy.length(t)\n    return t",
    ),
    ("_pk_del", "def _pk_del(x, k):\n    x.pop(k)"),
    (
        "_pk_mod",
        "def _pk_mod(a, b):\n    if isinstance(a, str):\n        return policy.percent(a, [v if isinstance(v, (int, float, str)) else _pk_str(v) for v in (b if isinstance(b, tuple) else [b])])\n    return a % b",
    ),
    (
        "_pk_div",
        "def _pk_div(a, b):\n    if isinstance(a, datetime.timedelta) and isinstance(b, datetime.timedelta):\n        return a.total_seconds() / b.total_seconds()\n    return a / b",
    ),
    (
        "_pk_or",
        "def _pk_or(a, b):\n    if isinstance(a, dict) and isinstance(b, dict):\n        return {**a, **b}\n    return a | b",
    ),
    (
        "_pk_epoch",
        "_pk_epoch = datetime.datetime(1970, 1, 1)\n_pk_epoch_utc = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)",
    ),
    (
        "_pk_fromtimestamp",
        "def _pk_fromtimestamp(c, ts, tz=None):\n    if tz is None:\n        return _pk_epoch + datetime.timedelta(seconds=ts)\n    return _pk_astimezone(_pk_epoch_utc + datetime.timedelta(seconds=ts), tz)",
    ),
    (
        "_pk_offset",
        "def _pk_offset(tz):\n    return datetime.datetime(1970, 1, 2, tzinfo=datetime.timezone.utc) - datetime.datetime(1970, 1, 2, tzinfo=tz)",
    ),
    (
        "_pk_astimezone",
        "def _pk_astimezone(x, tz):\n    return (x - _pk_epoch_utc) + datetime.datetime(1970, 1, 1, tzinfo=tz) + _pk_offset(tz)",
    ),
    ("_pk_utcnow", "def _pk_utcnow(c):\n    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)"),
    (
        "_pk_combine",
        "def _pk_combine(c, d, t, tzinfo=None):\n    return datetime.datetime(d.year, d.month, d.day, t.hour, t.minute, t.second, t.microsecond, tzinfo=tzinfo or t.tzinfo)",
    ),
    (
        "sorted",
        "_pk_sorted = sorted\ndef sorted(it, key=None, reverse=False):\n    l = list(it)\n    if key is None:\n        return _pk_sorted(l, reverse=reverse)\n    ks = [key(x) for x in l]\n    return [l[i] for i in _pk_sorted(range(len(l)), key=lambda i: ks[i], reverse=reverse)]",
    ),
    ("map", "def map(f, *its):\n    return [f(*a) for a in zip(*its)]"),
    ("filter", "def filter(f, it):\n    return [x for x in it if (f(x) if f is not None else x)]"),
    (
        "max",
        "_pk_max = max\ndef max(*a, key=None, default=None):\n    if key is None:\n        return _pk_max(*a) if len(a) > 1 or a[0] or default is None else default\n    l = list(a[0]) if len(a) == 1 else list(a)\n    return sorted(l, key=key, reverse=True)[0] if l else default",
    ),
    (
        "min",
        "_pk_min = min\ndef min(*a, key=None, default=None):\n    if key is None:\n        return _pk_min(*a) if len(a) > 1 or a[0] or default is None else default\n    l = list(a[0]) if len(a) == 1 else list(a)\n    return sorted(l, key=key)[0] if l else default",
    ),
    ("callable", "def callable(f):\n    return repr(f).startswith(('<function', '<built-in', '<class', '<bound'))"),
    (
        "random",
        "class _PkRandom:\n    def random(self):\n        return policy.random()\n    def randint(self, a, b):\n        return a + int(policy.random() * (b - a + 1))\n    def uniform(self, a, b):\n        return a + (b - a) * policy.random()\n    def choice(self, s):\n        return s[int(policy.random() * len(s))]\n    def shuffle(self, x):\n        for i in range(len(x) - 1, 0, -1):\n            j = int(policy.random() * (i + 1))\n            t = x[i]\n            x[i] = x[j]\n            x[j] = t\n    def sample(self, population, k):\n        p = list(population)\n        if k < 0 or k > len(p):\n            raise ValueError('Sample larger than population or is negative')\n        self.shuffle(p)\n        return p[:k]\nrandom = _PkRandom()",
    ),
    (
        "string",
        "class _PkString:\n    pass\nstring = _PkString()\nstring.ascii_lowercase = 'abcdefghijklmnopqrstuvwxyz'\nstring.ascii_uppercase = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'\nstring.ascii_letters = string.ascii_lowercase + string.ascii_uppercase\nstring.digits = '0123456789'\nstring.hexdigits = '0123456789abcdefABCDEF'\nstring.punctuation = '!\"#$%&\\'()*+,-./:;<=>?@[\\\\]^_`{|}~'\nstring.whitespace = ' \\t\\n\\r\\x0b\\x0c'",
    ),
];

/// The pieces with these names, and the pieces those name.
pub(crate) fn for_names(names: &BTreeSet<String>) -> String {
    let mut names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let mut chosen = BTreeSet::new();
    loop {
        let more: Vec<usize> = PIECES
            .iter()
            .enumerate()
            .filter(|(i, (name, _))| !chosen.contains(i) && names.contains(name))
            .map(|(i, _)| i)
            .collect();
        if more.is_empty() {
            break;
        }
        for index in more {
            chosen.insert(index);
            if let Some((_, source)) = PIECES.get(index) {
                names.extend(words(source));
            }
        }
    }
    let mut text = String::new();
    for module in NATIVE_MODULES.iter().filter(|m| names.contains(**m)) {
        text.push_str("import ");
        text.push_str(module);
        text.push('\n');
    }
    for (_, source) in chosen.iter().filter_map(|i| PIECES.get(*i)) {
        text.push_str(source);
        text.push('\n');
    }
    text
}

/// The words of a text of code, whether they are names or not.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|w| !w.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> String {
        for_names(&names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn a_block_gets_only_what_it_uses() {
        assert_eq!(of(&["x"]), "");
        let code = of(&["_pk_count", "x", "PASSED"]);
        assert!(code.contains("def _pk_count") && code.contains("PASSED =") && !code.contains("random"));
    }

    #[test]
    fn a_piece_brings_the_pieces_it_uses() {
        let code = of(&["max", "x"]);
        assert!(code.contains("def sorted") && code.contains("def max"));
    }
}
