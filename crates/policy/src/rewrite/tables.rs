//! What of Python is there, by name: modules and what they have, and the methods of built-in values.
//!
//! Tests hold these lists against the interpreter.

/// Modules that may be imported, with what they have; they are there without being imported as well, as in the original.
const MEMBERS: &[(&str, &str)] = &[
    ("datetime", "date datetime time timedelta timezone MAXYEAR MINYEAR UTC"),
    (
        "base64",
        "a85decode a85encode b16decode b16encode b32decode b32encode b32hexdecode b32hexencode b64decode b64encode \
         b85decode b85encode decodebytes encodebytes standard_b64decode standard_b64encode urlsafe_b64decode \
         urlsafe_b64encode",
    ),
    (
        "itertools",
        "accumulate chain combinations combinations_with_replacement compress count cycle dropwhile filterfalse groupby \
         islice pairwise permutations product repeat starmap takewhile tee zip_longest",
    ),
    ("json", "dumps loads JSONDecodeError"),
    ("random", "choice choices randint random randrange sample shuffle uniform"),
    (
        "math",
        "acos acosh asin asinh atan atan2 atanh cbrt ceil comb copysign cos cosh degrees e erf erfc exp exp2 expm1 fabs \
         factorial floor fmod frexp fsum gamma gcd inf isclose isfinite isinf isnan isqrt lcm ldexp lgamma log log10 \
         log1p log2 modf nan nextafter perm pi pow prod radians remainder sin sinh sqrt tan tanh tau trunc ulp",
    ),
    (
        "string",
        "ascii_letters ascii_lowercase ascii_uppercase digits hexdigits octdigits printable punctuation whitespace",
    ),
    (
        "re",
        "A ASCII DOTALL I IGNORECASE M MULTILINE Match NOFLAG Pattern S compile escape findall finditer fullmatch match \
         search split sub",
    ),
];

/// Modules that may be imported.
pub(crate) const MODULES: &[&str] = &["datetime", "base64", "itertools", "json", "random", "math", "string", "re"];

/// What a module has.
pub(super) fn members(module: &str) -> Vec<&'static str> {
    let found = MEMBERS.iter().find(|(name, _)| *name == module);
    found.map(|(_, members)| members.split_ascii_whitespace().collect()).unwrap_or_default()
}

/// What stands for a member of a module that the interpreter lacks or does otherwise.
pub(super) fn stand_in(module: &str, member: &str) -> Option<&'static str> {
    Some(match (module, member) {
        ("datetime", "MAXYEAR") => "9999",
        ("datetime", "MINYEAR") => "1",
        ("datetime", "UTC") => "_pk_utc",
        ("json", "JSONDecodeError") => "ValueError",
        ("json", "dumps") => "_pk_dumps",
        ("math", "prod") => "_pk_math_prod",
        ("math", "ceil") => "_pk_math_ceil",
        ("math", "floor") => "_pk_math_floor",
        ("math", "trunc") => "_pk_math_trunc",
        ("math", "gcd") => "_pk_math_gcd",
        ("math", "isqrt") => "_pk_math_isqrt",
        ("math", "lcm") => "_pk_math_lcm",
        ("math", "fsum") => "_pk_math_fsum",
        ("math", "comb") => "_pk_math_comb",
        ("math", "perm") => "_pk_math_perm",
        ("itertools", "product") => "_pk_product",
        ("itertools", "permutations") => "_pk_permutations",
        ("itertools", "combinations") => "_pk_combinations",
        ("itertools", "combinations_with_replacement") => "_pk_combinations_with_replacement",
        ("itertools", "groupby") => "_pk_groupby",
        ("itertools", "tee") => "_pk_tee",
        ("re", "sub") => "_pk_re_sub",
        _ => return None,
    })
}

/// Functions of `math` that compute with floats. The interpreter takes whole numbers up to 64 bits there.
pub(super) const FLOATING: &[&str] = &[
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "copysign",
    "cos",
    "cosh",
    "degrees",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "fabs",
    "fmod",
    "frexp",
    "gamma",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "ldexp",
    "lgamma",
    "log",
    "log10",
    "log1p",
    "log2",
    "modf",
    "nextafter",
    "pow",
    "radians",
    "remainder",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "ulp",
];

/// Methods that sets of rows have in the original and lists do not, and methods the interpreter lacks or does otherwise.
pub(super) const HELPED_METHODS: &[&str] = &[
    "all",
    "astimezone",
    "bit_length",
    "center",
    "combine",
    "count",
    "ctime",
    "difference_update",
    "distinct",
    "dst",
    "exclude",
    "exists",
    "filter",
    "first",
    "fromisocalendar",
    "fromordinal",
    "fromtimestamp",
    "intersection_update",
    "is_integer",
    "isocalendar",
    "isoformat",
    "last",
    "maketrans",
    "order_by",
    "sort",
    "splitlines",
    "sub",
    "symmetric_difference_update",
    "today",
    "toordinal",
    "translate",
    "tzname",
    "utcfromtimestamp",
    "utcnow",
    "utcoffset",
    "values_list",
];

/// Methods of Python that nobody has supplied yet, and what to write instead.
pub(super) const MISSING_METHODS: &[(&str, &str)] = &[
    ("as_integer_ratio", "use `fractions` of whole numbers that you compute yourself"),
    ("bit_count", "use `bin(n).count(\"1\")`"),
    ("conjugate", "complex numbers are not supported"),
    ("format_map", "use an f-string, or `.format(**values)`"),
    ("from_bytes", "use `int(text, base)`"),
    ("fromhex", "use `int(text, 16)`"),
    ("isprintable", "compare with the characters you allow"),
    ("timetuple", "use the attributes `year`, `month`, `day`, `hour`, `minute`, `second`"),
    ("to_bytes", "use `hex(n)`"),
    ("utctimetuple", "use the attributes `year`, `month`, `day`, `hour`, `minute`, `second`"),
];

/// Methods of built-in values by type.
const METHODS: &[(&str, &str)] = &[
    (
        "str",
        "capitalize casefold center count encode endswith expandtabs find format index isalnum isalpha isascii isdecimal \
         isdigit isidentifier islower isnumeric isspace istitle isupper join ljust lower lstrip partition removeprefix \
         removesuffix replace rfind rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase \
         title translate upper zfill",
    ),
    ("list", "append clear copy count extend index insert pop remove reverse sort"),
    ("dict", "clear copy get items keys pop popitem setdefault update values"),
    (
        "set",
        "add clear copy difference difference_update discard intersection intersection_update isdisjoint issubset \
         issuperset pop remove symmetric_difference symmetric_difference_update union update",
    ),
    ("frozenset", "copy difference intersection isdisjoint issubset issuperset symmetric_difference union"),
    ("tuple", "count index"),
    ("int", "bit_length"),
    ("float", "is_integer"),
    ("bytes", "count decode endswith find hex index join lower replace rfind split startswith strip upper"),
    (
        "datetime.datetime",
        "astimezone ctime date dst isocalendar isoformat isoweekday replace strftime time timestamp timetz toordinal \
         tzname utcoffset weekday",
    ),
    ("datetime.date", "ctime isocalendar isoformat isoweekday replace strftime toordinal weekday"),
    ("datetime.time", "dst isoformat replace strftime tzname utcoffset"),
    ("datetime.timedelta", "total_seconds"),
    ("datetime.timezone", "dst tzname utcoffset"),
];

/// The methods of a built-in type.
pub(super) fn methods_of(kind: &str) -> impl Iterator<Item = &'static str> {
    METHODS.iter().filter(move |(of, _)| *of == kind).flat_map(|(_, names)| names.split_ascii_whitespace())
}

/// Whether values of a built-in type have a method.
pub(crate) fn has_method(kind: &str, name: &str) -> bool {
    methods_of(kind).any(|method| method == name)
}

/// Whether values of any built-in type have a method.
pub(super) fn is_method(name: &str) -> bool {
    METHODS.iter().any(|(_, names)| names.split_ascii_whitespace().any(|n| n == name))
}

/// Types whose methods may be taken from the type itself, as in `str.lower`.
pub(super) const TYPES: &[&str] = &["str", "list", "dict", "set", "frozenset", "tuple", "int", "float", "bytes"];

/// Functions that walk through what they are given at once, so that it does not matter whether that could be walked
/// through again.
pub(super) const CONSUMERS: &[&str] = &[
    "all",
    "any",
    "dict",
    "enumerate",
    "filter",
    "frozenset",
    "iter",
    "list",
    "map",
    "max",
    "min",
    "reversed",
    "set",
    "sorted",
    "sum",
    "tuple",
    "zip",
];

/// Methods that do.
pub(super) const CONSUMING_METHODS: &[&str] = &[
    "difference",
    "extend",
    "fromkeys",
    "intersection",
    "issubset",
    "issuperset",
    "join",
    "symmetric_difference",
    "union",
    "update",
];

/// Functions that compute with everything they are given before anybody asks.
pub(super) const AT_ONCE: &[&str] =
    &["dict", "enumerate", "filter", "frozenset", "list", "map", "max", "min", "set", "sorted", "sum", "tuple"];

/// Functions whose results can be walked through once; the interpreter makes lists of them.
pub(super) const ONCE: &[&str] = &["enumerate", "filter", "map", "reversed", "zip"];

/// Classes of exceptions, which take one text.
pub(super) const EXCEPTIONS: &[&str] = &[
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "BaseException",
    "Exception",
    "ImportError",
    "IndexError",
    "KeyError",
    "LookupError",
    "MemoryError",
    "NameError",
    "NotImplementedError",
    "OSError",
    "OverflowError",
    "PermissionError",
    "RecursionError",
    "RuntimeError",
    "StopIteration",
    "TimeoutError",
    "TypeError",
    "ValueError",
    "ZeroDivisionError",
];
