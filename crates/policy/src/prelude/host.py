# Objects of the host, and rows of them.
#: _pk_filter
def _pk_filter(x, *a, **k):
    return _pk_query('filter', x, k) if isinstance(x, list) else x.filter(*a, **k)
#: _pk_exclude
def _pk_exclude(x, *a, **k):
    return _pk_query('exclude', x, k) if isinstance(x, list) else x.exclude(*a, **k)
#: _pk_all
def _pk_all(x, *a, **k):
    return x if isinstance(x, list) else x.all(*a, **k)
#: _pk_exists
def _pk_exists(x, *a, **k):
    return len(x) > 0 if isinstance(x, list) else x.exists(*a, **k)
#: _pk_first
def _pk_first(x, *a, **k):
    return (x[0] if x else None) if isinstance(x, list) else x.first(*a, **k)
#: _pk_last
def _pk_last(x, *a, **k):
    return (x[-1] if x else None) if isinstance(x, list) else x.last(*a, **k)
#: _pk_values_list
def _pk_values_list(x, *a, **k):
    return _pk_query('values_list', x, k, list(a)) if isinstance(x, list) else x.values_list(*a, **k)
#: _pk_order_by
def _pk_order_by(x, *a, **k):
    return _pk_query('order_by', x, k, list(a)) if isinstance(x, list) else x.order_by(*a, **k)
#: _pk_distinct
def _pk_distinct(x, *a, **k):
    return _pk_query('distinct', x, k) if isinstance(x, list) else x.distinct(*a, **k)
#: _pk_query
def _pk_query(op, rows, k, fields=[]):
    _pk_small(rows)
    _pk_small(k)
    return policy.rows(op, rows, k, fields)
#: _pk_count
def _pk_count(x, *a):
    if len(a) == 1:
        return x.count(a[0])
    if a:
        return x.count(*a)
    return len(x) if isinstance(x, (list, tuple)) else x.count()
#: _pk_method
def _pk_method(x, name, f):
    if not policy.method(x if hasattr(x, '_str_') else _pk_kind(x), name):
        return getattr(x, name)
    def method(*a, **k):
        _pk_small(a)
        _pk_small(k)
        return f(x, *a, **k)
    return method
#: _pk_of
def _pk_of(kind, name, f):
    def method(x, *a, **k):
        if not isinstance(x, kind):
            raise TypeError(f"descriptor '{name}' for '{str(kind)[8:-2]}' objects doesn't apply to a '{str(type(x))[8:-2]}' object")
        _pk_small(a)
        _pk_small(k)
        return f(x, *a, **k)
    return method
#: _pk_kind
def _pk_kind(x):
    return 'type' if not isinstance(x, _pk_holders) and repr(x).startswith('<class') else str(type(x))[8:-2]
#: _pk_has
def _pk_has(x, name):
    return hasattr(x, name) or policy.method(x if hasattr(x, '_str_') else _pk_kind(x), name)
#: _pk_getattr
def _pk_getattr(x, name, *default):
    if hasattr(x, name):
        return getattr(x, name)
    if policy.method(x if hasattr(x, '_str_') else _pk_kind(x), name):
        raise NotImplementedError(f"the method '{name}' cannot be looked up by a computed name")
    if default:
        return default[0]
    return getattr(x, name)
#: _pk_variable
def _pk_variable(variables, name):
    if not hasattr(variables, name):
        raise KeyError(name)
    return getattr(variables, name)
#: _pk_item
def _pk_item(x, k):
    if not hasattr(x, '_str_') or str(type(x))[8:-2] != 'Process':
        return x[k]
    if not hasattr(x, k):
        raise KeyError(k)
    return getattr(x, k)
