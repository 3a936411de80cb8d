# Values and text. Each piece begins with its name; a block gets the pieces that it names.
#: PASSED
PASSED = 'passed'
#: FAILED
FAILED = 'failed'
#: PROPOSED
PROPOSED = 'proposed'
#: _pk_str
def _pk_str(x):
    if isinstance(x, (str, int, float)):
        return str(x)
    _pk_small(x)
    return x._str_ if hasattr(x, '_str_') else (str([_pk_text(v) for v in x]) if isinstance(x, list) else str(x))
#: _pk_text
class _PkText:
    def __init__(self, s):
        self.s = s
    def __repr__(self):
        return self.s
def _pk_text(x):
    return _PkText(x._str_) if hasattr(x, '_str_') else x
#: _pk_formatted
def _pk_formatted(x, spec='x'):
    if isinstance(x, (str, int, float)) or spec == '':
        return x
    kind = str(type(x))[8:-2]
    if kind in ('datetime.datetime', 'datetime.date', 'datetime.time'):
        return x
    raise TypeError(f'unsupported format string passed to {kind}.__format__')
#: _pk_unless_moment
def _pk_unless_moment(x):
    if isinstance(x, (str, int, float)):
        return x
    kind = str(type(x))[8:-2]
    raise TypeError(f'unsupported format string passed to {kind}.__format__')
#: _pk_said
def _pk_said(x):
    return x if isinstance(x, str) else _pk_str(x)
#: same_type
def same_type(a, *others):
    for b in others:
        if type(a) != type(b):
            return False
    return True
#: test
def test(*a):
    for i in range(1, len(a), 2):
        if a[i - 1]:
            return a[i]
    return a[-1] if len(a) % 2 else None
#: reorder
def reorder(s, with_=None, without=()):
    left = {}
    for item in s:
        key, value = item if isinstance(item, tuple) and len(item) == 2 else (item, item)
        left[_pk_small(key)] = value
    for item in without:
        left.pop(_pk_small(item[0] if isinstance(item, tuple) and len(item) == 2 else item), None)
    out = []
    for item in list(left.items()) if with_ is None else with_:
        key = _pk_small(item[0] if isinstance(item, tuple) and len(item) == 2 else item)
        if key in left:
            out.append((key, left.pop(key)))
    return out
#: _pk_assert
def _pk_assert(holds, message=None):
    if not holds:
        if message is None:
            raise AssertionError
        text = message()
        raise AssertionError(text if isinstance(text, str) else _pk_str(text))
#: format
def format(x, spec=''):
    return _pk_str(x) if spec == '' else f'{_pk_formatted(x):{spec}}'
#: ascii
def ascii(x):
    out = []
    for c in repr(_pk_small(x)):
        n = ord(c)
        out.append(c if n < 128 else f'\\x{n:02x}' if n < 256 else f'\\u{n:04x}' if n < 65536 else f'\\U{n:08x}')
    return ''.join(out)
#: callable
def callable(f):
    return repr(_pk_small(f)).startswith(('<function', '<built-in', '<class', '<bound'))
#: issubclass
_pk_bases = {bool: (int,), KeyError: (LookupError,), IndexError: (LookupError,), ZeroDivisionError: (ArithmeticError,), OverflowError: (ArithmeticError,), UnicodeDecodeError: (ValueError,), UnicodeEncodeError: (ValueError,), NotImplementedError: (RuntimeError,), RecursionError: (RuntimeError,), ModuleNotFoundError: (ImportError,)}
def issubclass(c, of):
    _pk_small(of)
    if not repr(_pk_small(c)).startswith('<class'):
        raise TypeError('issubclass() arg 1 must be a class')
    for o in of if isinstance(of, tuple) else (of,):
        if not repr(o).startswith('<class'):
            raise TypeError('issubclass() arg 2 must be a class, a tuple of classes, or a union')
        if c == o or o in _pk_bases.get(c, ()) or o == object:
            return True
        if o == Exception or o == BaseException:
            if repr(c)[8:-2] in _pk_exceptions and (o == BaseException or c != BaseException):
                return True
    return False
_pk_exceptions = ('ArithmeticError', 'AssertionError', 'AttributeError', 'BaseException', 'Exception', 'ImportError', 'IndexError', 'KeyError', 'LookupError', 'MemoryError', 'ModuleNotFoundError', 'NameError', 'NotImplementedError', 'OSError', 'OverflowError', 'PermissionError', 'RecursionError', 'RuntimeError', 'StopIteration', 'SyntaxError', 'TimeoutError', 'TypeError', 'UnicodeDecodeError', 'UnicodeEncodeError', 'ValueError', 'ZeroDivisionError')
#: _pk_percent
def _pk_percent(f, v):
    given = list(v) if isinstance(v, tuple) else [v]
    out = []
    at = 0
    i = 0
    named = False
    while i < len(f):
        c = f[i]
        i += 1
        if c != '%':
            out.append(c)
            continue
        x = None
        fixed = False
        if f[i:i + 1] == '(':
            if not isinstance(v, dict):
                raise TypeError('format requires a mapping')
            end = f.find(')', i)
            if end < 0:
                raise ValueError('incomplete format key')
            x = v[f[i + 1:end]]
            fixed = True
            named = True
            i = end + 1
        flags = ''
        while f[i:i + 1] != '' and f[i] in '-+ #0':
            flags += f[i]
            i += 1
        width = 0
        if f[i:i + 1] == '*':
            if at >= len(given):
                raise TypeError('not enough arguments for format string')
            width = given[at]
            if not isinstance(width, int):
                raise TypeError('* wants int')
            at += 1
            i += 1
            if width < 0:
                flags += '-'
                width = -width
        else:
            digits = ''
            while f[i:i + 1].isdigit():
                digits += f[i]
                i += 1
            width = int(digits) if digits else 0
        precision = None
        if f[i:i + 1] == '.':
            i += 1
            digits = ''
            if f[i:i + 1] == '*':
                if at >= len(given):
                    raise TypeError('not enough arguments for format string')
                digits = str(given[at]) if given[at] > 0 else '0'
                at += 1
                i += 1
            while f[i:i + 1].isdigit():
                digits += f[i]
                i += 1
            precision = int(digits) if digits else 0
        while f[i:i + 1] != '' and f[i] in 'hlL':
            i += 1
        if i >= len(f):
            raise ValueError('incomplete format')
        kind = f[i]
        i += 1
        if kind == '%':
            out.append('%')
            continue
        if not fixed:
            if at >= len(given):
                raise TypeError('not enough arguments for format string')
            x = given[at]
            at += 1
        out.append(_pk_one(kind, flags, width, precision, x))
    if at < len(given) and not named and not (isinstance(v, (dict, list)) and at == 0):
        raise TypeError('not all arguments converted during string formatting')
    return ''.join(out)
def _pk_one(kind, flags, width, precision, x):
    sign = ''
    if kind in 'sra':
        t = _pk_str(x) if kind == 's' else repr(_pk_small(x)) if kind == 'r' else ascii(x)
        t = t if precision is None else t[:precision]
        flags = flags.replace('0', '')
    elif kind == 'c':
        if isinstance(x, str) and len(x) == 1:
            t = x
        elif isinstance(x, int):
            if not 0 <= x < 1114112:
                raise OverflowError('%c arg not in range(0x110000)')
            t = chr(x)
        else:
            raise TypeError('%c requires int or char')
        flags = flags.replace('0', '')
    elif kind in 'diuoxX':
        if isinstance(x, float) and kind in 'diu':
            x = int(x)
        if not isinstance(x, int):
            need = 'a real number' if kind in 'diu' else 'an integer'
            raise TypeError(f'%{kind} format: {need} is required, not {str(type(x))[8:-2]}')
        x = int(x)
        n = abs(x)
        t = str(n) if kind in 'diu' else f'{n:o}' if kind == 'o' else f'{n:x}' if kind == 'x' else f'{n:X}'
        if precision is not None:
            t = t.zfill(precision)
        sign = '-' if x < 0 else '+' if '+' in flags else ' ' if ' ' in flags else ''
        if '#' in flags and kind in 'oxX':
            sign += '0' + kind
    elif kind in 'eEfFgG':
        if not isinstance(x, (int, float)):
            raise TypeError(f'must be real number, not {str(type(x))[8:-2]}')
        x = _pk_float(x)
        p = 6 if precision is None else precision
        t = f'{x:.{p}{kind}}'
        sign = '+' if '+' in flags else ' ' if ' ' in flags else ''
        if t.startswith('-'):
            t = t[1:]
            sign = '-'
    else:
        raise ValueError(f"unsupported format character '{kind}'")
    missing = width - len(sign) - len(t)
    if missing <= 0:
        return sign + t
    if '-' in flags:
        return sign + t + ' ' * missing
    if '0' in flags:
        return sign + '0' * missing + t
    return ' ' * missing + sign + t
#: _pk_holders
_pk_holders = (list, tuple, dict, set, frozenset, type({}.keys()), type({}.values()), type({}.items()))
#: _pk_small
_pk_large = 1 << 512
def _pk_small(x):
    if x is None or isinstance(x, (str, int, float)):
        return x
    room = 50000
    parts = 1000000
    letters = 67108864
    level = [x]
    for _ in range(200):
        below = []
        for y in level:
            if isinstance(y, (str, bytes)):
                letters -= len(y)
            elif isinstance(y, int):
                letters -= 131072
            else:
                room -= 1
                if isinstance(y, dict):
                    y = list(y.keys()) + list(y.values())
                elif hasattr(y, '_holds_'):
                    y = _pk_held(y)
                elif not isinstance(y, _pk_holders):
                    continue
                parts -= len(y)
                below.extend([v for v in y if not (isinstance(v, str) and len(v) < 256 or isinstance(v, int) and -_pk_large < v < _pk_large or v is None or isinstance(v, float))])
            if room < 0 or parts < 0 or letters < 0:
                raise MemoryError('the value is too large to walk through: what it holds is held there too many times')
        if not below:
            return x
        level = below
    return x
#: _pk_held
def _pk_held(x):
    names = dict.fromkeys(x._holds_)
    if str(type(x))[8:-2] == 'Variables':
        names.update(_pk_stored)
    return [getattr(x, name) for name in names if hasattr(x, name)]
#: _pk_stored
_pk_stored = {}
#: _pk_setattr
def _pk_setattr(x, name, value):
    kind = str(type(x))[8:-2]
    if not isinstance(name, str):
        raise TypeError(f"attribute name must be string, not '{str(type(name))[8:-2]}'")
    if kind != 'Variables' or name.startswith('_'):
        raise AttributeError(f"'{kind}' object has no attribute '{name}'")
    _pk_stored[name] = None
    setattr(x, name, value)
#: _pk_listed
def _pk_listed(x):
    if x is None or isinstance(x, (str, int, float, bytes, range)):
        return x
    return _pk_small(x if isinstance(x, _pk_holders) else list(x))
#: _pk_or
def _pk_or(a, b):
    if isinstance(a, dict) and isinstance(b, dict):
        return {**a, **b}
    return a | b
#: _pk_ior
def _pk_ior(a, b):
    if isinstance(a, set) and isinstance(b, (set, frozenset)) or isinstance(a, dict):
        a.update(b)
        return a
    return a | b
#: _pk_iand
def _pk_iand(a, b):
    if isinstance(a, set) and isinstance(b, (set, frozenset)):
        for v in [v for v in a if v not in b]:
            a.discard(v)
        return a
    return a & b
#: _pk_ixor
def _pk_ixor(a, b):
    if isinstance(a, set) and isinstance(b, (set, frozenset)):
        both = a ^ b
        a.clear()
        a.update(both)
        return a
    return a ^ b
#: _pk_compared
def _pk_compared(a, op, b):
    if isinstance(a, (set, frozenset)) and isinstance(b, (set, frozenset)):
        if op == '<=':
            return a.issubset(b)
        if op == '>=':
            return b.issubset(a)
        if op == '<':
            return a != b and a.issubset(b)
        return a != b and b.issubset(a)
    return a <= b if op == '<=' else a >= b if op == '>=' else a < b if op == '<' else a > b
#: _pk_translate
def _pk_translate(s, table):
    if not isinstance(s, str):
        return s.translate(table)
    out = []
    for c in s:
        if ord(c) not in table:
            out.append(c)
            continue
        to = table[ord(c)]
        if to is not None:
            out.append(chr(to) if isinstance(to, int) else to)
    return ''.join(out)
#: _pk_maketrans
def _pk_maketrans(c, x, y=None, z=''):
    if y is None:
        return {ord(k) if isinstance(k, str) else k: v for k, v in x.items()}
    if len(x) != len(y):
        raise ValueError('the first two maketrans arguments must have equal length')
    table = {ord(a): ord(b) for a, b in zip(x, y)}
    for d in z:
        table[ord(d)] = None
    return table
#: _pk_splitlines
def _pk_splitlines(s, keepends=False):
    if not isinstance(s, str):
        return s.splitlines(keepends)
    out = []
    start = 0
    i = 0
    while i < len(s):
        if s[i] in '\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029':
            end = i + 2 if s[i:i + 2] == '\r\n' else i + 1
            out.append(s[start:end] if keepends else s[start:i])
            start = end
            i = end
        else:
            i += 1
    if start < len(s):
        out.append(s[start:])
    return out
#: _pk_center
def _pk_center(s, width, fill=' '):
    if not isinstance(s, (str, bytes)) or not isinstance(width, int) or len(fill) != 1:
        return s.center(width, fill)
    pad = width - len(s)
    if pad <= 0:
        return s
    left = pad // 2 + (pad & width & 1)
    return fill * left + s + fill * (pad - left)
