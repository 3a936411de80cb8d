# Modules that the interpreter lacks.
#: string
class _PkString:
    pass
string = _PkString()
string.ascii_lowercase = 'abcdefghijklmnopqrstuvwxyz'
string.ascii_uppercase = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
string.ascii_letters = string.ascii_lowercase + string.ascii_uppercase
string.digits = '0123456789'
string.hexdigits = '0123456789abcdefABCDEF'
string.octdigits = '01234567'
string.punctuation = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'
string.printable = string.digits + string.ascii_letters + string.punctuation + ' \t\n\r\x0b\x0c'
string.whitespace = ' \t\n\r\x0b\x0c'
#: random
class _PkRandom:
    def random(self):
        return policy.random()
    def randint(self, a, b):
        if b < a:
            raise ValueError(f'empty range for randrange() ({a}, {b + 1}, {b + 1 - a})')
        return a + int(policy.random() * (b - a + 1))
    def randrange(self, start, stop=None, step=1):
        places = range(start) if stop is None else range(start, stop, step)
        if len(places) == 0:
            raise ValueError('empty range for randrange()')
        return places[int(policy.random() * len(places))]
    def choices(self, population, weights=None, k=1):
        l = list(population)
        w = [1] * len(l) if weights is None else list(weights)
        if len(w) != len(l):
            raise ValueError('The number of weights does not match the population')
        total = sum(w)
        if not l:
            raise IndexError('Cannot choose from an empty population')
        if total <= 0:
            raise ValueError('Total of weights must be greater than zero')
        out = []
        for _ in range(k):
            x = policy.random() * total
            i = 0
            while i < len(l) - 1 and x >= w[i]:
                x -= w[i]
                i += 1
            out.append(l[i])
        return out
    def uniform(self, a, b):
        return a + (b - a) * policy.random()
    def choice(self, s):
        if len(s) == 0:
            raise IndexError('Cannot choose from an empty sequence')
        return s[int(policy.random() * len(s))]
    def shuffle(self, x):
        for i in range(len(x) - 1, 0, -1):
            j = int(policy.random() * (i + 1))
            t = x[i]
            x[i] = x[j]
            x[j] = t
    def sample(self, population, k):
        if not isinstance(population, (list, tuple, str, range)):
            raise TypeError('Population must be a sequence.  For dicts or sets, use sorted(d).')
        p = list(population)
        if k < 0 or k > len(p):
            raise ValueError('Sample larger than population or is negative')
        self.shuffle(p)
        return p[:k]
random = _PkRandom()
#: whrandom
whrandom = random
#: _pk_module_datetime
_pk_module_datetime = datetime
#: _pk_module_base64
_pk_module_base64 = base64
#: _pk_module_itertools
_pk_module_itertools = itertools
#: _pk_module_json
_pk_module_json = json
#: _pk_module_math
_pk_module_math = math
#: _pk_module_random
_pk_module_random = random
#: _pk_module_string
_pk_module_string = string
#: _pk_module_re
_pk_module_re = re
#: _pk_utc
_pk_utc = datetime.timezone.utc
