//! Where labels go: beside their point, clear of markers and of each other.

use super::canvas::TEXT;

/// A box in drawing units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rect {
    /// Left edge.
    pub(super) x0: f64,
    /// Upper edge.
    pub(super) y0: f64,
    /// Right edge.
    pub(super) x1: f64,
    /// Lower edge.
    pub(super) y1: f64,
}

impl Rect {
    /// The box of half-size `half` around a point.
    pub(super) fn around((x, y): (i32, i32), half: f64) -> Self {
        let (x, y) = (f64::from(x), f64::from(y));
        Self { x0: x - half, y0: y - half, x1: x + half, y1: y + half }
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.x0 < other.x1 && other.x0 < self.x1 && self.y0 < other.y1 && other.y0 < self.y1
    }

    fn inside(&self, bounds: &Self) -> bool {
        self.x0 >= bounds.x0 && self.x1 <= bounds.x1 && self.y0 >= bounds.y0 && self.y1 <= bounds.y1
    }
}

/// The width of a text in the usual sans-serif fonts, rather over than under.
pub(super) fn width(text: &str) -> f64 {
    let em = |c: char| match c {
        'm' | 'w' | 'M' | 'W' => 0.98,
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | '.' | ',' | ' ' => 0.4,
        c if c.is_uppercase() => 0.74,
        '=' | '+' | '\u{2212}' => 0.84,
        _ => 0.64,
    };
    text.chars().map(em).sum::<f64>() * TEXT
}

/// Keeps track of what is taken.
#[derive(Debug)]
pub(super) struct Placer {
    bounds: Rect,
    taken: Vec<Rect>,
}

/// Which end of a text its place is. Text shrinks on wide pages; it must shrink towards its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The place is its left end.
    Start,
    /// The place is its middle.
    Middle,
    /// The place is its right end.
    End,
}

/// A place for a label, at the height of the text's middle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    /// Where the text is anchored.
    pub(super) at: (i32, i32),
    /// By which end.
    pub(super) side: Side,
    /// The point that it names.
    pub(super) point: (i32, i32),
    /// True when it is so far from its point that a line should join them.
    pub(super) far: bool,
}

impl Placer {
    /// Labels stay inside `bounds`.
    pub(super) fn new(bounds: Rect) -> Self {
        Self { bounds, taken: Vec::new() }
    }

    /// Nothing may be placed over `rect` from now on.
    pub(super) fn block(&mut self, rect: Rect) {
        self.taken.push(rect);
    }

    /// Takes the free place nearest to any of `points`, earlier points first: right, left, above, below, aslant, then
    /// further out. `None` when all neighbourhoods are full; the legend still names the points.
    pub(super) fn place(&mut self, points: &[(i32, i32)], text: &str) -> Option<Place> {
        let (whole, half_h) = (width(text), TEXT * 0.55);
        for ring in 0..5 {
            let gap = 22.0 + 34.0 * f64::from(ring);
            let up = gap + half_h;
            let aslant = 12.0 + 17.0 * f64::from(ring);
            let candidates = [
                (gap, 0.0, Side::Start),
                (-gap, 0.0, Side::End),
                (0.0, -up, Side::Middle),
                (0.0, up, Side::Middle),
                (aslant, -up, Side::Start),
                (-aslant, -up, Side::End),
                (aslant, up, Side::Start),
                (-aslant, up, Side::End),
            ];
            for &point in points {
                for (dx, dy, side) in candidates {
                    let (x, y) = (f64::from(point.0) + dx, f64::from(point.1) + dy);
                    let x0 = match side {
                        Side::Start => x,
                        Side::Middle => x - whole / 2.0,
                        Side::End => x - whole,
                    };
                    let rect = Rect { x0, y0: y - half_h, x1: x0 + whole, y1: y + half_h };
                    if rect.inside(&self.bounds) && !self.taken.iter().any(|t| t.overlaps(&rect)) {
                        self.taken.push(rect);
                        let at = (x.round() as i32, y.round() as i32);
                        return Some(Place { at, side, point, far: ring > 0 });
                    }
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Rect = Rect { x0: 0.0, y0: 0.0, x1: 1000.0, y1: 700.0 };

    #[test]
    fn labels_never_overlap_each_other_nor_leave_the_page() {
        let mut placer = Placer::new(PAGE);
        let mut placed = 0;
        for i in 0..40 {
            let point = (100 + 37 * (i % 7), 100 + 23 * (i % 11));
            placed += usize::from(placer.place(&[point], "stencil").is_some());
        }
        assert!((8..40).contains(&placed), "{placed}");
        for (i, a) in placer.taken.iter().enumerate() {
            assert!(a.inside(&PAGE));
            assert!(placer.taken.iter().skip(i + 1).all(|b| !a.overlaps(b)));
        }
    }

    #[test]
    fn a_lone_point_is_labelled_at_its_right_and_at_the_edge_at_its_left() {
        let side = |point| Placer::new(PAGE).place(&[point], "a").map(|p| (p.side, p.far));
        assert_eq!(side((500, 300)), Some((Side::Start, false)));
        assert_eq!(side((995, 300)), Some((Side::End, false)));
    }

    #[test]
    fn a_crowded_point_leaves_the_label_to_the_next_one() {
        let mut placer = Placer::new(PAGE);
        placer.block(Rect { x0: 0.0, y0: 0.0, x1: 400.0, y1: 700.0 });
        let place = placer.place(&[(200, 300), (700, 300)], "a");
        assert!(place.is_some_and(|p| p.point == (700, 300) && !p.far));
    }

    #[test]
    fn a_text_wider_than_the_page_has_no_place() {
        assert_eq!(Placer::new(PAGE).place(&[(500, 300)], &"x".repeat(100)), None);
    }
}
