# Moments and lengths of time. Without a zone, a moment is one of UTC.
#: _pk_delta
def _pk_delta(days=0, seconds=0, microseconds=0, milliseconds=0, minutes=0, hours=0, weeks=0):
    whole = 0
    rest = 0.0
    for n, factor in ((microseconds, 1), (milliseconds, 1000), (seconds, 1000000), (minutes, 60000000), (hours, 3600000000), (days, 86400000000), (weeks, 604800000000)):
        if isinstance(n, float):
            if n - n != 0:
                raise (ValueError('cannot convert float NaN to integer') if n != n else OverflowError('cannot convert float infinity to integer'))
            part, n = math.modf(n)
            part, more = math.modf(factor * part)
            whole += int(more)
            rest += part
            n = int(n)
        elif not isinstance(n, int):
            raise TypeError(f'unsupported type for timedelta component: {str(type(n))[8:-2]}')
        whole += int(n) * factor
    if rest:
        near = int(round(rest))
        if abs(near - rest) == 0.5:
            odd = whole % 2
            near = 2 * int(round((rest + odd) * 0.5)) - odd
        whole += near
    return _pk_of_micros(whole)
#: _pk_of_micros
def _pk_of_micros(n):
    days, n = divmod(n, 86400000000)
    if abs(days) > 999999999:
        raise OverflowError(f'days={days}; must have magnitude <= 999999999')
    return datetime.timedelta(days=days, seconds=n // 1000000, microseconds=n % 1000000)
#: _pk_micros
def _pk_micros(t):
    return t.days * 86400000000 + t.seconds * 1000000 + t.microseconds
#: _pk_scaled
def _pk_scaled(t, f, inverse):
    if f - f != 0:
        raise (ValueError('cannot convert NaN to integer ratio') if f != f else OverflowError('cannot convert Infinity to integer ratio'))
    m, e = math.frexp(f)
    a = int(m * 9007199254740992.0)
    e -= 53
    b = 1
    if e > 0:
        a = a << e
    else:
        b = b << -e
    if inverse:
        t0 = a
        a = b
        b = t0
    if b == 0:
        raise ZeroDivisionError('division by zero')
    if b < 0:
        a = -a
        b = -b
    q, r = divmod(_pk_micros(t) * a, b)
    if 2 * r > b or 2 * r == b and q % 2 == 1:
        q += 1
    return _pk_of_micros(q)
#: _pk_timedelta
def _pk_timedelta(*a, **k):
    t = _pk_delta(*a, **k)
    policy.length(t)
    return t
#: _pk_epoch
_pk_epoch = datetime.datetime(1970, 1, 1)
#: _pk_at
def _pk_at(ts):
    if not isinstance(ts, (int, float)):
        raise TypeError(f"'{str(type(ts))[8:-2]}' object cannot be interpreted as an integer")
    if not -62135596800 <= ts < 253402300800:
        raise (ValueError('cannot convert float NaN to integer') if ts != ts else ValueError('year is out of range'))
    return _pk_epoch + _pk_delta(seconds=ts)
#: _pk_fromtimestamp
def _pk_fromtimestamp(c, ts, tz=None):
    at = _pk_at(ts)
    if c is datetime.date:
        return at.date()
    return at if tz is None else _pk_astimezone(at, tz)
#: _pk_utcfromtimestamp
def _pk_utcfromtimestamp(c, ts):
    return _pk_at(ts)
#: _pk_offset
def _pk_offset(tz):
    return datetime.datetime(1970, 1, 2, tzinfo=datetime.timezone.utc) - datetime.datetime(1970, 1, 2, tzinfo=tz)
#: _pk_utcoffset
def _pk_utcoffset(x, *a):
    if str(type(x)) == "<class 'datetime.timezone'>":
        return _pk_offset(x)
    return None if x.tzinfo is None else _pk_offset(x.tzinfo)
#: _pk_tzname
def _pk_tzname(x, *a):
    tz = x if str(type(x)) == "<class 'datetime.timezone'>" else x.tzinfo
    return None if tz is None else str(tz)
#: _pk_dst
def _pk_dst(x, *a):
    return None
#: _pk_astimezone
def _pk_astimezone(x, tz=None):
    tz = datetime.timezone.utc if tz is None else tz
    if x.tzinfo is None:
        x = x.replace(tzinfo=datetime.timezone.utc)
    y = x + (_pk_offset(tz) - _pk_offset(x.tzinfo))
    return datetime.datetime(y.year, y.month, y.day, y.hour, y.minute, y.second, y.microsecond, tzinfo=tz)
#: _pk_utcnow
def _pk_utcnow(c):
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
#: _pk_today
def _pk_today(c):
    return c.today() if c is datetime.date else c.now() if c is datetime.datetime else c.today()
#: _pk_combine
def _pk_combine(c, d, t, tzinfo=None):
    if not isinstance(d, (datetime.date, datetime.datetime)) or str(type(t)) != "<class 'datetime.time'>":
        raise TypeError('combine() takes a date and a time')
    return datetime.datetime(d.year, d.month, d.day, t.hour, t.minute, t.second, t.microsecond, tzinfo=t.tzinfo if tzinfo is None else tzinfo)
#: _pk_toordinal
def _pk_toordinal(x):
    return (datetime.date(x.year, x.month, x.day) - datetime.date(1, 1, 1)).days + 1
#: _pk_fromordinal
def _pk_fromordinal(c, n):
    if n < 1:
        raise ValueError('ordinal must be >= 1')
    d = datetime.date(1, 1, 1) + datetime.timedelta(days=n - 1)
    return d if c is datetime.date else datetime.datetime(d.year, d.month, d.day)
#: _pk_isocalendar
import collections
_pk_iso_date = collections.namedtuple('IsoCalendarDate', ['year', 'week', 'weekday'])
def _pk_isocalendar(x):
    d = datetime.date(x.year, x.month, x.day)
    n = d.isoweekday()
    middle = _pk_toordinal(d) + 4 - n
    year = _pk_fromordinal(datetime.date, middle).year
    return _pk_iso_date(year, (middle - _pk_toordinal(datetime.date(year, 1, 1))) // 7 + 1, n)
#: _pk_fromisocalendar
def _pk_fromisocalendar(c, year, week, day):
    if not 1 <= day <= 7:
        raise ValueError(f'Invalid weekday: {day} (range is [1, 7])')
    first = _pk_toordinal(datetime.date(year, 1, 4))
    d = _pk_fromordinal(datetime.date, first - datetime.date(year, 1, 4).isoweekday() + 1 + (week - 1) * 7 + day - 1)
    if week < 1 or _pk_isocalendar(d)[0:2] != (year, week):
        raise ValueError(f'Invalid week: {week}')
    return d if c is datetime.date else datetime.datetime(d.year, d.month, d.day)
#: _pk_ctime
def _pk_ctime(x):
    time = x.strftime('%H:%M:%S') if str(type(x)) == "<class 'datetime.datetime'>" else '00:00:00'
    return x.strftime('%a %b ') + f'{x.day:2d} {time} {x.year:04d}'
#: _pk_isoformat
def _pk_isoformat(x, *a, **k):
    if not a and not k or str(type(x)) != "<class 'datetime.datetime'>":
        return x.isoformat(*a, **k)
    return _pk_isoformatted(x, *a, **k)
#: _pk_isoformatted
def _pk_isoformatted(x, sep='T', timespec='auto'):
    return f'{x.year:04d}-{x.month:02d}-{x.day:02d}' + sep + x.timetz().isoformat(timespec=timespec)
