# Sequences and what walks through them. Functions that are handed in may ask the host, so nothing here is left to the
# interpreter's own callbacks, which may not.
#: sorted
_pk_sorted = sorted
def sorted(it, key=None, reverse=False):
    l = list(it)
    if not isinstance(reverse, int):
        raise TypeError(f"'{str(type(reverse))[8:-2]}' object cannot be interpreted as an integer")
    if key is None:
        return _pk_sorted(l, reverse=reverse)
    ks = _pk_small([key(x) for x in l])
    return [l[i] for i in _pk_sorted(range(len(l)), key=lambda i: ks[i], reverse=reverse)]
#: map
def map(f, *its):
    return [f(*a) for a in zip(*its)]
#: filter
def filter(f, it):
    return [x for x in it if (f(x) if f is not None else x)]
#: max
_pk_max = max
_pk_none = ['none']
def max(*a, key=None, default=_pk_none):
    l = list(a[0]) if len(a) == 1 else a
    if len(a) > 1 and default is not _pk_none:
        raise TypeError('Cannot specify a default for max() with multiple positional arguments')
    if len(a) == 1 and not l and default is not _pk_none:
        return default
    if key is None or not l:
        return _pk_max(l) if len(a) else _pk_max()
    return sorted(l, key=key, reverse=True)[0]
#: min
_pk_min = min
_pk_nothing = ['nothing']
def min(*a, key=None, default=_pk_nothing):
    l = list(a[0]) if len(a) == 1 else a
    if len(a) > 1 and default is not _pk_nothing:
        raise TypeError('Cannot specify a default for min() with multiple positional arguments')
    if len(a) == 1 and not l and default is not _pk_nothing:
        return default
    if key is None or not l:
        return _pk_min(l) if len(a) else _pk_min()
    return sorted(l, key=key)[0]
#: _pk_any_in
def _pk_any_in(each, *clauses):
    return _pk_found(True, each, clauses, 0, ())
#: _pk_all_in
def _pk_all_in(each, *clauses):
    return not _pk_found(False, each, clauses, 0, ())
#: _pk_next_in
def _pk_next_in(each, *clauses):
    found = []
    def keep(*given):
        found.append(each(*given))
        return True
    _pk_found(True, keep, clauses, 0, ())
    return iter(found)
#: _pk_found
def _pk_found(wanted, each, clauses, at, given):
    spread, items, *conditions = clauses[at]
    last = at + 1 == len(clauses)
    for x in items(*given):
        now = (*given, *x) if spread else (*given, x)
        if not conditions or _pk_holds(conditions, now):
            if bool(each(*now)) == wanted if last else _pk_found(wanted, each, clauses, at + 1, now):
                return True
    return False
#: _pk_holds
def _pk_holds(conditions, given):
    for c in conditions:
        if not c(*given):
            return False
    return True
#: _pk_next
def _pk_next(f, *default):
    return next(f(), default[0]) if default else next(f())
#: _pk_sort
def _pk_sort(x, *a, key=None, reverse=False):
    if not isinstance(x, list):
        return x.sort(*a)
    y = sorted(_pk_small(x), key=key, reverse=reverse)
    x.clear()
    x.extend(y)
#: _pk_del
def _pk_del(x, k):
    if isinstance(x, dict) or isinstance(x, list) and isinstance(k, int):
        if isinstance(x, list) and not -len(x) <= k < len(x):
            raise IndexError('list assignment index out of range')
        x.pop(_pk_small(k))
    else:
        raise TypeError(f"'{str(type(x))[8:-2]}' object doesn't support item deletion")
#: _pk_places
def _pk_places(n, a, b, step):
    step = 1 if step is None else step
    for v in (a, b, step):
        if v is not None and not isinstance(v, int):
            raise TypeError('slice indices must be integers or None or have an __index__ method')
    if step == 0:
        raise ValueError('slice step cannot be zero')
    low = 0 if step > 0 else -1
    high = n if step > 0 else n - 1
    a = (low if step > 0 else high) if a is None else a + n if a < 0 else a
    b = (high if step > 0 else low) if b is None else b + n if b < 0 else b
    return (min(max(a, low), high), min(max(b, low), high), step)
#: _pk_set_slice
def _pk_set_slice(x, a, b, step, v):
    if not isinstance(x, list):
        raise TypeError(f"'{str(type(x))[8:-2]}' object does not support item assignment")
    v = list(v)
    start, stop, by = _pk_places(len(x), a, b, step)
    if by == 1:
        new = x[:start] + v + x[max(start, stop):]
        x.clear()
        x.extend(new)
        return
    places = list(range(start, stop, by))
    if len(places) != len(v):
        raise ValueError(f'attempt to assign sequence of size {len(v)} to extended slice of size {len(places)}')
    for i, w in zip(places, v):
        x[i] = w
#: _pk_del_slice
def _pk_del_slice(x, a, b, step):
    if not isinstance(x, list):
        raise TypeError(f"'{str(type(x))[8:-2]}' object does not support item deletion")
    start, stop, by = _pk_places(len(x), a, b, step)
    gone = set(range(start, stop, by))
    kept = [v for i, v in enumerate(x) if i not in gone]
    x.clear()
    x.extend(kept)
#: _pk_change_item
def _pk_change_item(x, k, f):
    _pk_small(k)
    x[k] = f(x[k])
#: _pk_change_attribute
def _pk_change_attribute(x, name, f):
    _pk_setattr(x, name, f(getattr(x, name)))
#: _pk_difference_update
def _pk_difference_update(x, *others):
    for other in others:
        for v in list(other):
            x.discard(v)
#: _pk_intersection_update
def _pk_intersection_update(x, *others):
    kept = x.copy()
    for other in others:
        kept = kept.intersection(other)
    x.clear()
    x.update(kept)
#: _pk_symmetric_difference_update
def _pk_symmetric_difference_update(x, other):
    kept = x.symmetric_difference(other)
    x.clear()
    x.update(kept)
#: _pk_product
def _pk_product(*its, repeat=1):
    rows = [()]
    for l in [list(it) for it in its] * repeat:
        rows = [r + (v,) for r in rows for v in l]
    return iter(rows)
#: _pk_permutations
def _pk_permutations(it, r=None):
    l = list(it)
    r = len(l) if r is None else r
    if r < 0:
        raise ValueError('r must be non-negative')
    rows = [()]
    for _ in range(r):
        rows = [p + (i,) for p in rows for i in range(len(l)) if i not in p]
    return iter([tuple([l[i] for i in p]) for p in rows])
#: _pk_combinations
def _pk_combinations(it, r):
    return _pk_combined(list(it), r, 1)
#: _pk_combinations_with_replacement
def _pk_combinations_with_replacement(it, r):
    return _pk_combined(list(it), r, 0)
#: _pk_combined
def _pk_combined(l, r, gap):
    if r < 0:
        raise ValueError('r must be non-negative')
    rows = [()]
    for _ in range(r):
        rows = [p + (i,) for p in rows for i in range(p[-1] + gap if p else 0, len(l))]
    return iter([tuple([l[i] for i in p]) for p in rows])
#: _pk_groupby
def _pk_groupby(it, key=None):
    groups = []
    for x in it:
        k = _pk_small(x if key is None else key(x))
        if groups and groups[-1][0] == k:
            groups[-1][1].append(x)
        else:
            groups.append((k, [x]))
    return iter([(k, iter(g)) for k, g in groups])
#: _pk_from_iterable
def _pk_from_iterable(its):
    return iter([x for it in its for x in it])
#: _pk_tee
def _pk_tee(it, n=2):
    l = list(it)
    return tuple([iter(l) for _ in range(n)])
#: _pk_re_sub
def _pk_re_sub(pattern, to, text, count=0, flags=0):
    if isinstance(to, str):
        return re.sub(pattern, to, text, count, flags)
    out = []
    at = 0
    for m in re.finditer(pattern, text, flags):
        if count and len(out) >= 2 * count:
            break
        out.append(text[at:m.start()])
        out.append(to(m))
        at = m.end()
    return ''.join(out) + text[at:]
#: _pk_sub
def _pk_sub(p, to, text, count=0):
    if isinstance(to, str):
        return p.sub(to, text, count)
    out = []
    at = 0
    for m in p.finditer(text):
        if count and len(out) >= 2 * count:
            break
        out.append(text[at:m.start()])
        out.append(to(m))
        at = m.end()
    return ''.join(out) + text[at:]
#: _pk_dumps
def _pk_dumps(x, default=None, **k):
    _pk_small(x)
    return json.dumps(x if default is None else _pk_plain(x, default), **k)
#: _pk_plain
def _pk_plain(x, default):
    if x is None or isinstance(x, (str, int, float)):
        return x
    if isinstance(x, dict):
        return {k: _pk_plain(v, default) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [_pk_plain(v, default) for v in x]
    return _pk_plain(default(x), default)
