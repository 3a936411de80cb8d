//! Moments, days and lengths of time. See `Make::fill` for what the holes mean.

pub(super) const MOMENTS: &[&str] = &[
    "({w} + {t})",
    "({w} - {t})",
    "{w}.replace(day={n}, hour=3)",
    "{w}.replace(minute=0, second=0, microsecond=0)",
    "datetime.datetime.combine({y}, {w}.time())",
    "datetime.datetime.fromisoformat({w}.isoformat())",
    "datetime.datetime.strptime('2024-02-29 13:05', '%Y-%m-%d %H:%M')",
    "datetime.datetime.utcfromtimestamp({i} % 10**9)",
    "datetime.datetime.fromtimestamp({n} * 1000.25)",
    "datetime.datetime.fromtimestamp({i} % 10**9, datetime.timezone.utc).replace(tzinfo=None)",
    "{w}.astimezone(datetime.timezone(datetime.timedelta(hours={n}))).replace(tzinfo=None)",
    "max({w}, {w})",
    "min([{w}, {w}])",
];

pub(super) const DAYS: &[&str] = &[
    "({y} + {t})",
    "{w}.date()",
    "{y}.replace(day={n})",
    "datetime.date(2024, {n} + 1, 29)",
    "datetime.date.fromordinal({y}.toordinal() + {n})",
    "datetime.date.fromisoformat('2024-02-29')",
    "datetime.date.fromtimestamp({i} % 10**9)",
    "max({y}, {y})",
];

pub(super) const SPANS: &[&str] = &[
    "({t} + {t})",
    "({t} - {t})",
    "({t} * {n})",
    "({t} * 1.5)",
    "(0.1 * {t})",
    "({t} / 3)",
    "({t} / 0.7)",
    "({t} // 7)",
    "({t} % datetime.timedelta(hours=7))",
    "(-{t})",
    "abs({t})",
    "({w} - {w})",
    "({y} - {y})",
    "datetime.timedelta(hours={n}, minutes={i} % 1000)",
    "datetime.timedelta(seconds={f})",
    "datetime.timedelta(days={n} / 3, weeks=0.5)",
    "sum([{t}, {t}], datetime.timedelta())",
    "divmod({t}, datetime.timedelta(hours=2))[1]",
];
