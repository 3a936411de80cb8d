# Numbers, and operators on them. They are kept small enough to be computed with at one go.
#: _pk_float
def _pk_float(x):
    if isinstance(x, int) and not isinstance(x, bool):
        y = x * 1.0
        if y - y != 0:
            raise OverflowError('int too large to convert to float')
        return y
    return float(x)
#: _pk_number
def _pk_number(x):
    if not isinstance(x, int):
        return x
    x = int(x)
    return x if -9223372036854775808 < x < 9223372036854775808 else _pk_sized(x)
#: _pk_bits
def _pk_bits(n):
    return len(f'{abs(n):b}')
#: _pk_sized
def _pk_sized(n, times=1):
    if _pk_bits(n) * times > 1048576:
        raise MemoryError('the number is too large to count with')
    return n
#: _pk_add
def _pk_add(a, b):
    return (int(a) if isinstance(a, bool) else a) + (int(b) if isinstance(b, bool) else b)
#: _pk_minus
def _pk_minus(a, b):
    return (int(a) if isinstance(a, bool) else a) - (int(b) if isinstance(b, bool) else b)
#: _pk_lshift
def _pk_lshift(a, b):
    if isinstance(a, int) and isinstance(b, int) and b > 1048576 and a:
        raise MemoryError('the number is too large to count with')
    return _pk_number(a) << (int(b) if isinstance(b, bool) else b)
#: _pk_rshift
def _pk_rshift(a, b):
    return (int(a) if isinstance(a, bool) else a) >> (int(b) if isinstance(b, bool) else b)
#: _pk_mod
def _pk_mod(a, b):
    if isinstance(a, str):
        return _pk_percent(a, b)
    if isinstance(a, datetime.timedelta) and isinstance(b, datetime.timedelta):
        return a - b * _pk_floordiv(a, b)
    return _pk_divided(a, b)[1] if isinstance(a, float) or isinstance(b, float) else _pk_number(a) % _pk_number(b)
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
    a = _pk_number(a)
    b = _pk_number(b)
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
    return _pk_number(a) // _pk_number(b)
#: _pk_mul
def _pk_mul(a, b):
    if isinstance(a, int) and isinstance(b, int):
        return _pk_number(a) * _pk_number(b)
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
    return _pk_divmod(_pk_number(a), _pk_number(b))
#: _pk_pow
def _pk_pow(a, b):
    a = int(a) if isinstance(a, bool) else a
    b = int(b) if isinstance(b, bool) else b
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        if isinstance(a, int) and isinstance(b, int) and b > 1 and not -2 < a < 2:
            _pk_sized(a, b)
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
    if isinstance(exp, int) and isinstance(base, int) and isinstance(mod, int) and mod != 0:
        _pk_sized(base)
        if _pk_bits(mod) > 65536 or _pk_bits(mod) * _pk_bits(exp) > 16777216:
            raise MemoryError('the numbers are too large to count with')
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
    if isinstance(n, bool):
        n = int(n)
    if isinstance(x, int) and isinstance(n, int):
        x = int(x)
        if n >= 0:
            return x
        q = _pk_pow(10, -n)
        _pk_sized(x)
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
        n = abs(_pk_number(n))
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
        m = abs(_pk_mul(m, n)) // g if g else 0
    return m
#: _pk_math_isqrt
def _pk_math_isqrt(n):
    if not isinstance(n, int) or abs(n) < 1 << 52:
        return math.isqrt(n)
    if n < 0:
        raise ValueError('isqrt() argument must be nonnegative')
    _pk_sized(n)
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
#: _pk_big
def _pk_big(x):
    return _pk_float(x) if isinstance(x, int) and not -9223372036854775808 <= x <= 9223372036854775807 else x
#: _pk_math_comb
def _pk_math_comb(n, k):
    if _pk_is_small(n, k):
        return math.comb(n, k)
    if n < 0:
        raise ValueError('n must be a non-negative integer')
    if k < 0:
        raise ValueError('k must be a non-negative integer')
    c = 1
    for i in range(min(k, n - k) if k <= n else 0):
        c = _pk_mul(c, n - i) // (i + 1)
    return c if k <= n else 0
#: _pk_math_perm
def _pk_math_perm(n, k=None):
    if k is None or _pk_is_small(n, k):
        return math.perm(n) if k is None else math.perm(n, k)
    if n < 0:
        raise ValueError('n must be a non-negative integer')
    if k < 0:
        raise ValueError('k must be a non-negative integer')
    p = 1
    for i in range(k if k <= n else 0):
        p = _pk_mul(p, n - i)
    return p if k <= n else 0
#: _pk_is_small
def _pk_is_small(*numbers):
    for n in numbers:
        if not isinstance(n, int):
            return True
    for n in numbers:
        if not -9223372036854775808 <= n <= 9223372036854775807:
            return False
    return True
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
