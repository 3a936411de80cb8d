# Values: text, numbers, operators. Each piece begins with its name; a block gets the pieces that it names.
#: PASSED
PASSED = 'passed'
#: FAILED
FAILED = 'failed'
#: PROPOSED
PROPOSED = 'proposed'
#: _pk_str
def _pk_str(x):
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
    for c in repr(x):
        n = ord(c)
        out.append(c if n < 128 else f'\\x{n:02x}' if n < 256 else f'\\u{n:04x}' if n < 65536 else f'\\U{n:08x}')
    return ''.join(out)
#: callable
def callable(f):
    return repr(f).startswith(('<function', '<built-in', '<class', '<bound'))
#: issubclass
_pk_bases = {bool: (int,), KeyError: (LookupError,), IndexError: (LookupError,), ZeroDivisionError: (ArithmeticError,), OverflowError: (ArithmeticError,), UnicodeDecodeError: (ValueError,), UnicodeEncodeError: (ValueError,), NotImplementedError: (RuntimeError,), RecursionError: (RuntimeError,), ModuleNotFoundError: (ImportError,)}
def issubclass(c, of):
    if not repr(c).startswith('<class'):
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
        t = _pk_str(x) if kind == 's' else repr(x) if kind == 'r' else ascii(x)
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
#: _pk_float
def _pk_float(x):
    if isinstance(x, int) and not isinstance(x, bool):
        y = x * 1.0
        if y - y != 0:
            raise OverflowError('int too large to convert to float')
        return y
    return float(x)
#: _pk_mod
def _pk_mod(a, b):
    if isinstance(a, str):
        return _pk_percent(a, b)
    if isinstance(a, datetime.timedelta) and isinstance(b, datetime.timedelta):
        return a - b * _pk_floordiv(a, b)
    return _pk_divided(a, b)[1] if isinstance(a, float) or isinstance(b, float) else (int(a) if isinstance(a, bool) else a) % (int(b) if isinstance(b, bool) else b)
#: _pk_divided
def _pk_divided(a, b):
    if not isinstance(a, (int, float)) or not isinstance(b, (int, float)):
        return (a // b, a % b)
    a = _pk_float(a)
    b = _pk_float(b)
    if b == 0:
        raise ZeroDivisionError('float modulo')
    if a - a != 0:
        return (a * 0, a * 0)
    m = math.fmod(a, b)
    q = (a - m) / b
    if m:
        if (b < 0) != (m < 0):
            m += b
            q -= 1.0
    else:
        m = math.copysign(0.0, b)
    if q:
        f = q // 1
        if q - f > 0.5:
            f += 1.0
    else:
        f = math.copysign(0.0, a / b)
    return (f, m)
#: _pk_div
def _pk_div(a, b):
    if isinstance(a, datetime.timedelta):
        if isinstance(b, datetime.timedelta):
            return _pk_div(_pk_micros(a), _pk_micros(b))
        if isinstance(b, float):
            return _pk_scaled(a, b, True)
        return a / (int(b) if isinstance(b, bool) else b)
    a = int(a) if isinstance(a, bool) else a
    b = int(b) if isinstance(b, bool) else b
    if isinstance(a, int) and isinstance(b, int) and b != 0 and (abs(a) > 9007199254740992 or abs(b) > 9007199254740992):
        return _pk_ratio(a, b)
    return a / b
#: _pk_ratio
def _pk_ratio(a, b):
    negative = (a < 0) != (b < 0)
    a = abs(a)
    b = abs(b)
    if a == 0:
        return -0.0 if negative else 0.0
    shift = 66 - len(f'{a:b}') + len(f'{b:b}')
    if shift >= 0:
        q, r = divmod(a << shift, b)
    else:
        q, r = divmod(a, b << -shift)
    if len(f'{q:b}') - shift > 1025:
        raise OverflowError('integer division result too large for a float')
    extra = len(f'{q:b}') - 53
    low = q - ((q >> extra) << extra)
    q = q >> extra
    half = 1 << (extra - 1)
    if low > half or low == half and (r > 0 or q % 2 == 1):
        q += 1
    try:
        y = math.ldexp(q * 1.0, extra - shift)
    except OverflowError:
        raise OverflowError('integer division result too large for a float')
    return -y if negative else y
#: _pk_floordiv
def _pk_floordiv(a, b):
    if isinstance(a, datetime.timedelta) and isinstance(b, datetime.timedelta):
        return _pk_micros(a) // _pk_micros(b)
    if isinstance(a, float) and isinstance(b, (int, float)) or isinstance(b, float) and isinstance(a, int):
        return _pk_divided(a, b)[0]
    return (int(a) if isinstance(a, bool) else a) // (int(b) if isinstance(b, bool) else b)
#: _pk_mul
def _pk_mul(a, b):
    if isinstance(a, datetime.timedelta) and isinstance(b, float):
        return _pk_scaled(a, b, False)
    if isinstance(b, datetime.timedelta) and isinstance(a, float):
        return _pk_scaled(b, a, False)
    if isinstance(a, int):
        a = _pk_float(a) if isinstance(b, float) else int(a)
    if isinstance(b, int):
        b = _pk_float(b) if isinstance(a, float) else int(b)
    return a * b
#: divmod
_pk_divmod = divmod
def divmod(a, b):
    if isinstance(a, datetime.timedelta):
        q = _pk_floordiv(a, b)
        return (q, a - b * q)
    if isinstance(a, float) and isinstance(b, (int, float)) or isinstance(b, float) and isinstance(a, int):
        return _pk_divided(a, b)
    return _pk_divmod(int(a) if isinstance(a, bool) else a, int(b) if isinstance(b, bool) else b)
#: _pk_or
def _pk_or(a, b):
    if isinstance(a, dict) and isinstance(b, dict):
        return {**a, **b}
    return a | b
#: _pk_pow
def _pk_pow(a, b):
    a = int(a) if isinstance(a, bool) else a
    b = int(b) if isinstance(b, bool) else b
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        if a < 0 and isinstance(b, float) and b - b == 0 and b != b // 1 and a - a == 0:
            raise ValueError('a negative number has no real power with a fraction; complex numbers are not supported')
        y = a ** (_pk_float(b) if isinstance(a, float) else b)
        if isinstance(y, float) and y - y != 0 and a - a == 0 and b - b == 0:
            raise OverflowError('Numerical result out of range')
        return y
    return a ** b
#: pow
_pk_pow3 = pow
def pow(base, exp, mod=None):
    if mod is None:
        return _pk_pow(base, exp)
    if isinstance(exp, int) and isinstance(base, int) and isinstance(mod, int) and exp < 0 and mod != 0:
        a = base % abs(mod)
        b = abs(mod)
        x = 1
        y = 0
        while b:
            q = a // b
            t = a - q * b
            a = b
            b = t
            t = x - q * y
            x = y
            y = t
        if a != 1:
            raise ValueError('base is not invertible for the given modulus')
        return _pk_pow3(x % abs(mod), -exp, mod)
    return _pk_pow3(base, exp, mod)
#: round
_pk_round = round
def round(x, n=None):
    if isinstance(x, int) and isinstance(n, int):
        x = int(x)
        if n >= 0:
            return x
        q = 10 ** -n
        k = (x + q // 2) // q
        return (k - 1 if (x + q // 2) % q == 0 and k % 2 == 1 else k) * q
    if n is None or not isinstance(x, float) or not isinstance(n, int) or x - x != 0:
        return _pk_round(x) if n is None else _pk_round(x, n)
    if n >= 0:
        return float(f'{x:.{n}f}') if n < 400 else x
    if n < -400:
        return math.copysign(0.0, x)
    q = 10 ** -n
    i = math.floor(abs(x))
    k = i // q
    rest = (i - k * q) * 2 - q
    if rest > 0 or rest == 0 and (abs(x) > i or k % 2 == 1):
        k += 1
    return math.copysign(_pk_float(k * q), x)
#: sum
_pk_sum = sum
def sum(it, start=0):
    l = [int(v) if isinstance(v, bool) else v for v in it]
    if isinstance(start, bool):
        start = int(start)
    if isinstance(start, list):
        start = start[:]
    return _pk_sum(l, start)
#: _pk_iadd
def _pk_iadd(a, b):
    if isinstance(a, list):
        a.extend(b)
        return a
    if isinstance(b, bool):
        b = int(b)
    if isinstance(a, bool):
        a = int(a)
    return a + b
#: _pk_isub
def _pk_isub(a, b):
    if isinstance(a, set) and isinstance(b, (set, frozenset)):
        for v in list(b):
            a.discard(v)
        return a
    return (int(a) if isinstance(a, bool) else a) - (int(b) if isinstance(b, bool) else b)
#: _pk_imul
def _pk_imul(a, b):
    if isinstance(a, list) and isinstance(b, int):
        own = a[:]
        if b < 1:
            a.clear()
        for _ in range(int(b) - 1):
            a.extend(own)
        return a
    return _pk_mul(a, b)
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
#: _pk_bit_length
def _pk_bit_length(x):
    return x.bit_length() if not isinstance(x, int) else 0 if x == 0 else len(f'{abs(int(x)):b}')
#: _pk_is_integer
def _pk_is_integer(x):
    return x.is_integer() if not isinstance(x, float) else x - x == 0 and x == x // 1
#: _pk_math_gcd
def _pk_math_gcd(*numbers):
    g = 0
    for n in numbers:
        if not isinstance(n, int):
            raise TypeError(f"'{str(type(n))[8:-2]}' object cannot be interpreted as an integer")
        n = abs(int(n))
        while n:
            t = g % n
            g = n
            n = t
    return g
#: _pk_math_lcm
def _pk_math_lcm(*numbers):
    m = 1
    for n in numbers:
        g = _pk_math_gcd(m, n)
        m = abs(m * int(n)) // g if g else 0
    return m
#: _pk_math_isqrt
def _pk_math_isqrt(n):
    if not isinstance(n, int) or abs(n) < 1 << 52:
        return math.isqrt(n)
    if n < 0:
        raise ValueError('isqrt() argument must be nonnegative')
    x = 1 << (len(f'{n:b}') + 1) // 2
    while True:
        y = (x + n // x) >> 1
        if y >= x:
            return x
        x = y
#: _pk_math_floor
def _pk_math_floor(x):
    return int(x) if isinstance(x, int) else math.floor(x)
#: _pk_math_ceil
def _pk_math_ceil(x):
    return int(x) if isinstance(x, int) else math.ceil(x)
#: _pk_math_trunc
def _pk_math_trunc(x):
    return int(x) if isinstance(x, int) else math.trunc(x)
#: _pk_math_prod
def _pk_math_prod(it, start=1):
    for v in it:
        start = _pk_mul(start, v)
    return start
#: _pk_math_fsum
def _pk_math_fsum(it):
    partials = []
    special = 0.0
    for x in it:
        x = _pk_float(x)
        if x - x != 0:
            if special and special == -x:
                raise ValueError('-inf + inf in fsum')
            special += x
            continue
        i = 0
        for y in partials[:]:
            if abs(x) < abs(y):
                t = x
                x = y
                y = t
            hi = x + y
            lo = y - (hi - x)
            if lo != 0.0:
                partials[i] = lo
                i += 1
            x = hi
        partials = partials[:i] + [x]
    if special or special != special:
        return special
    if not partials:
        return 0.0
    n = len(partials) - 1
    hi = partials[n]
    lo = 0.0
    while n > 0:
        x = hi
        n -= 1
        y = partials[n]
        hi = x + y
        lo = y - (hi - x)
        if lo != 0.0:
            break
    if n > 0 and (lo < 0.0 and partials[n - 1] < 0.0 or lo > 0.0 and partials[n - 1] > 0.0):
        y = lo * 2.0
        x = hi + y
        if y == x - hi:
            hi = x
    return hi
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
