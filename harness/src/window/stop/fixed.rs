//! A fixed number of repeats: what a sweep uses, so that its rows are known beforehand.

use super::Stop;

/// Stops after `repeats`.
#[derive(Debug, Clone)]
pub struct Fixed {
    left: u32,
}

impl Fixed {
    /// At least one repeat.
    pub fn new(repeats: u32) -> Self {
        Self { left: repeats.max(1) }
    }
}

impl Stop for Fixed {
    fn push(&mut self, _time_s: f64, _energy_j: Option<f64>) {
        self.left = self.left.saturating_sub(1);
    }

    fn done(&self) -> bool {
        self.left == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_down_and_never_asks_for_none() {
        let mut stop = Fixed::new(2);
        stop.push(1.0, None);
        assert!(!stop.done());
        stop.push(9.0, None);
        assert!(stop.done());
        assert!(!Fixed::new(0).done());
    }
}
