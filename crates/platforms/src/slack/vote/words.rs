//! Texts cut to what Slack takes.

/// Mentions separated by commas, as many as fit; the others are counted.
pub(super) fn people_list(people: &[String], room: usize) -> String {
    let mut list = String::new();
    for (index, id) in people.iter().enumerate() {
        let next = if index == 0 { format!("<@{id}>") } else { format!(", <@{id}>") };
        // Leaves room for the count of those who do not fit.
        if list.len() + next.len() + 24 > room {
            list.push_str(&format!(" and {} more", people.len() - index));
            break;
        }
        list.push_str(&next);
    }
    list
}

/// At most `limit` characters, with an ellipsis where something is missing.
pub(in crate::slack) fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(limit.saturating_sub(1)).collect();
    kept.push('…');
    kept
}

/// A text in at most `most` pieces of at most `size` characters, split at line ends where there are any.
pub(super) fn split(text: &str, size: usize, most: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest: Vec<char> = text.chars().collect();
    while rest.len() > size && pieces.len() + 1 < most {
        let window = rest.get(..size).unwrap_or(&rest);
        let at = window.iter().rposition(|c| *c == '\n').filter(|at| *at > 0).unwrap_or(size);
        let tail = rest.split_off(at);
        pieces.push(rest.into_iter().collect::<String>());
        rest = tail.into_iter().skip_while(|c| *c == '\n').collect();
    }
    if !rest.is_empty() {
        pieces.push(cut(&rest.into_iter().collect::<String>(), size));
    }
    pieces
}
