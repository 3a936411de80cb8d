//! A tally drawn as people: one seat for each. The same order everywhere: yes from the left, no from the right, and those
//! who have not voted between them.

use std::f64::consts::PI;

/// Up to so many seats are drawn in a line.
const LINE: usize = 24;
/// Up to so many are drawn as a chamber.
const CHAMBER: usize = 60;
/// Where a chamber's centre is, and how far its outermost seats are from it.
const CENTRE: f64 = 200.0;
const RADIUS: f64 = 182.0;

/// A tally of a vote with two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sides {
    /// How many say yes.
    pub(crate) yes: usize,
    /// How many say no.
    pub(crate) no: usize,
    /// How many have not voted; `None` when nobody knows who may.
    pub(crate) open: Option<usize>,
}

/// Seats in a line, for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seats {
    /// What it shows, for those who do not see it.
    pub(crate) label: String,
    /// Width in pixels.
    pub(crate) width: usize,
    /// The seats.
    pub(crate) dots: Vec<Dot>,
}

/// A seat in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dot {
    /// `y`, `n` or `o`.
    pub(crate) class: &'static str,
    /// Where.
    pub(crate) x: usize,
}

/// The large drawing of one vote.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chamber {
    /// What it shows, for those who do not see it.
    pub(crate) label: String,
    /// The seats; none when there are too many to be drawn, and then the bar is.
    pub(crate) seats: Vec<Seat>,
    /// Widths of the bar's parts out of 400: yes, open, no.
    pub(crate) bar: [usize; 3],
    /// `11 to 4`.
    pub(crate) score: String,
    /// The numbers.
    pub(crate) sides: Sides,
}

/// A seat of a chamber. Coordinates as they are written into the drawing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seat {
    /// `y`, `n` or `o`.
    pub(crate) class: &'static str,
    /// Across.
    pub(crate) x: String,
    /// Down.
    pub(crate) y: String,
    /// Radius.
    pub(crate) r: String,
    /// The cross of a no.
    pub(crate) cross: Option<String>,
}

impl Sides {
    /// How many seats there are.
    pub(crate) fn seats(self) -> usize {
        self.yes + self.no + self.open.unwrap_or(0)
    }

    /// The tally in words.
    pub(crate) fn words(self) -> String {
        let votes = format!("{} yes, {} no", self.yes, self.no);
        match self.open {
            None | Some(0) => votes,
            Some(open) => format!("{votes}, {open} not voted"),
        }
    }

    fn class(self, seat: usize) -> &'static str {
        if seat < self.yes {
            "y"
        } else if seat >= self.yes + self.open.unwrap_or(0) {
            "n"
        } else {
            "o"
        }
    }

    /// In a line; nothing when there are none or too many.
    pub(crate) fn line(self) -> Option<Seats> {
        let all = self.seats();
        if all == 0 || all > LINE {
            return None;
        }
        let dots = (0..all).map(|seat| Dot { class: self.class(seat), x: 7 + 14 * seat }).collect();
        Some(Seats { label: self.words(), width: 14 * all, dots })
    }

    /// As a chamber; nothing when nobody may vote and nobody has.
    pub(crate) fn chamber(self) -> Option<Chamber> {
        let all = self.seats();
        if all == 0 {
            return None;
        }
        let seats = if all > CHAMBER {
            Vec::new()
        } else {
            places(all).into_iter().enumerate().map(|(seat, place)| place.seat(self.class(seat))).collect()
        };
        let part = |n: usize| n * 400 / all;
        Some(Chamber {
            label: format!("Votes so far: {}", self.words()),
            seats,
            bar: [part(self.yes), 400 - part(self.yes) - part(self.no), part(self.no)],
            score: format!("{} to {}", self.yes, self.no),
            sides: self,
        })
    }
}

struct Place {
    angle: f64,
    distance: f64,
    size: f64,
}

impl Place {
    fn seat(&self, class: &'static str) -> Seat {
        let (x, y) = (CENTRE - self.distance * self.angle.cos(), CENTRE - self.distance * self.angle.sin());
        let arm = self.size * 0.42;
        Seat {
            class,
            x: format!("{x:.1}"),
            y: format!("{y:.1}"),
            r: format!("{:.1}", if class == "o" { self.size - 0.8 } else { self.size }),
            cross: (class == "n").then(|| {
                let (left, top, full) = (x - arm, y - arm, 2.0 * arm);
                format!("M{left:.1} {top:.1}l{full:.1} {full:.1}m0 -{full:.1}l-{full:.1} {full:.1}")
            }),
        }
    }
}

/// Where so many seats are, from left to right: in as few rows as hold them, each as full as its length.
fn places(all: usize) -> Vec<Place> {
    let (size, rows) = rows(all);
    let length: f64 = rows.iter().sum();
    let mut places = Vec::with_capacity(all);
    let mut left = all;
    let mut rest = length;
    for distance in &rows {
        // The last row takes what is left, so that nobody is lost in rounding.
        let share = (f64::from(u32::try_from(left).unwrap_or(u32::MAX)) * distance / rest).round();
        let here = (0..=left).find(|n| f64::from(u32::try_from(*n).unwrap_or(u32::MAX)) >= share).unwrap_or(left);
        for seat in 0..here {
            let between = f64::from(u32::try_from(here.saturating_sub(1)).unwrap_or(1));
            let at = f64::from(u32::try_from(seat).unwrap_or(0));
            // A few people sit together instead of at the two ends of a large hall.
            let step = ((PI - 0.224) / between.max(1.0)).min(0.42);
            let angle = PI / 2.0 + (at - between / 2.0) * step;
            places.push(Place { angle, distance: *distance, size });
        }
        left -= here;
        rest -= distance;
    }
    places.sort_by(|a, b| a.angle.total_cmp(&b.angle).then(b.distance.total_cmp(&a.distance)));
    places
}

/// The largest seats and the fewest rows that hold so many.
fn rows(all: usize) -> (f64, Vec<f64>) {
    let wanted = f64::from(u32::try_from(all).unwrap_or(u32::MAX));
    for size in [15.0, 13.0, 11.0, 9.0] {
        let mut rows = Vec::new();
        let mut room = 0.0;
        let mut distance = RADIUS;
        while distance >= 80.0 {
            rows.push(distance);
            room += (distance * (PI - 0.224) / (size * 2.6)).floor() + 1.0;
            if room >= wanted {
                return (size, rows);
            }
            distance -= size * 2.95;
        }
    }
    (8.0, vec![RADIUS, 158.0, 134.0, 110.0, 86.0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_a_seat_and_nobody_sits_on_another() {
        for all in 1..=CHAMBER {
            let sides = Sides { yes: all / 2, no: all / 4, open: Some(all - all / 2 - all / 4) };
            let seats = sides.chamber().expect("a chamber").seats;
            assert_eq!(seats.len(), all);
            for class in ["y", "n", "o"] {
                let wanted = match class {
                    "y" => sides.yes,
                    "n" => sides.no,
                    _ => sides.open.unwrap_or(0),
                };
                assert_eq!(seats.iter().filter(|s| s.class == class).count(), wanted, "{class} of {all}");
            }
            let at: Vec<(f64, f64)> =
                seats.iter().map(|s| (s.x.parse().expect("a number"), s.y.parse().expect("a number"))).collect();
            for (i, a) in at.iter().enumerate() {
                assert!((0.0..=400.0).contains(&a.0) && (0.0..=218.0).contains(&a.1), "{a:?} of {all}");
                for b in at.iter().skip(i + 1) {
                    let apart = (a.0 - b.0).hypot(a.1 - b.1);
                    assert!(apart > 16.0, "{apart} between {a:?} and {b:?} of {all}");
                }
            }
        }
    }

    #[test]
    fn where_there_are_too_many_for_seats_there_is_a_bar_and_no_line() {
        let many = Sides { yes: 50, no: 25, open: Some(25) };
        let chamber = many.chamber().expect("a drawing");
        assert!(chamber.seats.is_empty());
        assert_eq!(chamber.bar, [200, 100, 100]);
        assert_eq!(many.line(), None);
        assert_eq!(Sides { yes: 0, no: 0, open: None }.chamber(), None);
    }

    #[test]
    fn yes_stands_left_no_right_and_the_open_between() {
        let line = Sides { yes: 2, no: 1, open: Some(1) }.line().expect("a line");
        assert_eq!(line.dots.iter().map(|d| d.class).collect::<String>(), "yyon");
        assert_eq!(line.label, "2 yes, 1 no, 1 not voted");
    }
}
