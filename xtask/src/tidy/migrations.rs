//! Both databases have the same migrations, and neither stores a time in a type of its own or asks its own clock.
//!
//! Times are whole microseconds in `BIGINT` columns, because the two databases sort and round their own types
//! differently, and the clock belongs to the program, because tests move it.

use std::collections::BTreeSet;

use super::Finding;
use crate::workspace::Tree;

const FOLDERS: [&str; 2] = ["crates/store/migrations/sqlite/", "crates/store/migrations/postgres/"];

/// Types of times and dates in either database.
const TIME_TYPES: [&str; 7] = ["TIMESTAMP", "TIMESTAMPTZ", "DATETIME", "DATE", "TIME", "TIMETZ", "INTERVAL"];

/// Ways to ask the database what time it is: words, and functions with the bracket that makes them one.
const CLOCKS: [&str; 4] = ["CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME", "LOCALTIMESTAMP"];
const CLOCK_FUNCTIONS: [&str; 6] = ["NOW", "CLOCK_TIMESTAMP", "STRFTIME", "UNIXEPOCH", "DATETIME", "JULIANDAY"];

/// Words after which a name follows, not a type.
const BEFORE_NAMES: [&str; 4] = ["COLUMN", "TO", "EXISTS", "KEY"];

/// Checks the names and the columns of all migrations.
pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    let [sqlite, postgres] = FOLDERS.map(|folder| names(tree, folder));
    if sqlite.is_empty() && postgres.is_empty() {
        findings.push(Finding::note("crates/store/migrations", "there are no migrations, nothing was checked"));
    }
    for (has, lacks, folder) in [(&sqlite, &postgres, FOLDERS[1]), (&postgres, &sqlite, FOLDERS[0])] {
        for name in has.difference(lacks) {
            let message = "is missing: both databases have the same migrations, even where one of them is empty";
            findings.push(Finding::error(&format!("{folder}{name}"), 0, message));
        }
    }
    for (of, folder) in [(&sqlite, FOLDERS[0]), (&postgres, FOLDERS[1])] {
        for (one, next) in of.iter().zip(of.iter().skip(1)) {
            if one.split('_').next() == next.split('_').next() {
                let message = format!("has the number of `{one}`: they are told apart by it");
                findings.push(Finding::error(&format!("{folder}{next}"), 0, message));
            }
        }
    }
    for (path, text) in tree.iter().filter(|(path, _)| FOLDERS.iter().any(|folder| path.starts_with(folder))) {
        columns(path, text, findings);
    }
}

fn names<'a>(tree: &'a Tree, folder: &str) -> BTreeSet<&'a str> {
    tree.iter().filter_map(|(path, _)| path.strip_prefix(folder)).collect()
}

fn columns(path: &str, text: &str, findings: &mut Vec<Finding>) {
    let mut previous = String::from(";");
    let mut rest = tokens(text).into_iter().peekable();
    while let Some((line, token)) = rest.next() {
        let word = token.to_uppercase();
        let is_call = rest.peek().is_some_and(|(_, next)| next == "(");
        let is_name = previous.chars().all(|c| !c.is_alphanumeric() && c != ':' && c != '"')
            || BEFORE_NAMES.contains(&previous.as_str());
        if CLOCKS.contains(&word.as_str()) || (is_call && CLOCK_FUNCTIONS.contains(&word.as_str())) {
            let message = format!("`{token}` asks the database's clock: the program hands the time in");
            findings.push(Finding::error(path, line, message));
        } else if TIME_TYPES.contains(&word.as_str()) && !is_name {
            let message = format!("`{token}` is a type of the database's own: store microseconds in a `BIGINT`");
            findings.push(Finding::error(path, line, message));
        }
        previous = word;
    }
}

/// Words and signs with their lines, without comments and texts; a name in double quotes is one `"`.
fn tokens(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' => line += 1,
            '-' if rest.peek() == Some(&'-') => while rest.next_if(|c| *c != '\n').is_some() {},
            '/' if rest.peek() == Some(&'*') => {
                let mut last = ' ';
                for c in rest.by_ref() {
                    line += usize::from(c == '\n');
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
            }
            '\'' | '"' => {
                found.push((line, c.to_string()));
                for inner in rest.by_ref() {
                    line += usize::from(inner == '\n');
                    if inner == c {
                        break;
                    }
                }
            }
            c if c.is_alphanumeric() || c == '_' => {
                let mut word = c.to_string();
                while let Some(c) = rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    word.push(c);
                }
                found.push((line, word));
            }
            c if c.is_whitespace() => {}
            c => found.push((line, c.to_string())),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::errors_of;

    const SQLITE: &str = "crates/store/migrations/sqlite/0001_first.sql";
    const POSTGRES: &str = "crates/store/migrations/postgres/0001_first.sql";

    fn lines(sql: &str) -> Vec<String> {
        errors_of(check, &[(SQLITE, ""), (POSTGRES, sql)])
    }

    #[test]
    fn times_in_types_of_the_database_are_found() {
        assert_eq!(lines("CREATE TABLE a (\n  at TIMESTAMP,\n  on_day date NOT NULL,\n  b BIGINT\n);").len(), 2);
        assert_eq!(lines("ALTER TABLE a ADD COLUMN due timestamptz;").len(), 1);
        assert_eq!(lines("SELECT due::timestamp, CAST(a AS DATE);").len(), 2);
        assert_eq!(lines("CREATE TABLE a (\"at\" DATETIME);").len(), 1);
    }

    #[test]
    fn the_clock_of_the_database_is_found() {
        assert_eq!(lines("CREATE TABLE a (at BIGINT DEFAULT CURRENT_TIMESTAMP);").len(), 1);
        assert_eq!(lines("UPDATE a SET at = now();").len(), 1);
        assert!(lines("CREATE TABLE a (now BIGINT);").is_empty());
        assert_eq!(lines("INSERT INTO a SELECT strftime('%s');").len(), 1);
    }

    #[test]
    fn names_comments_and_texts_may_speak_of_time() {
        let sql = "-- a TIMESTAMP\n/* a DATE\n*/ CREATE TABLE a (time BIGINT, date BIGINT, b TEXT DEFAULT 'x DATE');";
        assert!(lines(sql).is_empty());
        assert!(lines("ALTER TABLE a ADD COLUMN time BIGINT;").is_empty());
    }

    #[test]
    fn two_migrations_of_one_number_are_found() {
        let also = |path: &str| path.replace("first", "second");
        let files = [(SQLITE, ""), (POSTGRES, ""), (&also(SQLITE), ""), (&also(POSTGRES), "")];
        assert_eq!(errors_of(check, &files), [format!("{}:0", also(SQLITE)), format!("{}:0", also(POSTGRES))]);
    }

    #[test]
    fn a_migration_for_one_database_alone_is_found() {
        let files = [(SQLITE, ""), (POSTGRES, ""), ("crates/store/migrations/sqlite/0002_more.sql", "")];
        assert_eq!(errors_of(check, &files), ["crates/store/migrations/postgres/0002_more.sql:0"]);
    }

    #[test]
    fn without_migrations_there_is_a_note_and_no_error() {
        let mut findings = Vec::new();
        check(&Tree::of(&[]), &mut findings);
        assert_eq!(findings.len(), 1);
        assert!(!findings.iter().any(Finding::is_error));
    }
}
