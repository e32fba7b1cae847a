//! A row of the table: what was measured, beside what, and what was asked for.

use std::collections::BTreeMap;

/// One measurement.
#[derive(Debug, Clone, Default)]
pub(super) struct Sample {
    /// In the row's unit.
    pub(super) value: f64,
    /// Milliseconds of processor time an operation; of the bench itself only what stands for the measured program.
    pub(super) cpu_ms: Option<f64>,
    /// What else is worth knowing.
    pub(super) notes: Vec<(&'static str, f64)>,
}

impl Sample {
    pub(super) fn new(value: f64) -> Self {
        Self { value, ..Self::default() }
    }

    /// With this much processor time over so many operations.
    pub(super) fn cpu(mut self, ms: f64, operations: u64) -> Self {
        self.cpu_ms = (operations > 0).then(|| ms / operations as f64);
        self
    }

    pub(super) fn note(mut self, name: &'static str, value: f64) -> Self {
        self.notes.push((name, value));
        self
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bar {
    /// At least this share of the yardstick.
    Ratio(f64),
    /// At most so many times the yardstick.
    Times(f64),
    /// At most so much more than the yardstick.
    Above(f64),
    /// At most so much more than twice the yardstick.
    AboveTwice(f64),
    /// At most so much.
    AtMost(f64),
    /// Nothing is: the comparison tells something by itself.
    Nothing,
}

/// A row.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) yardstick_name: &'static str,
    pub(super) bar: Bar,
    pub(super) ours: Vec<Sample>,
    pub(super) yardstick: Vec<Sample>,
}

impl Row {
    pub(super) fn new(
        name: &'static str,
        unit: &'static str,
        yardstick_name: &'static str,
        bar: Bar,
    ) -> Self {
        Self { name, unit, yardstick_name, bar, ours: Vec::new(), yardstick: Vec::new() }
    }

    /// What is compared with the bar, of each round.
    pub(super) fn compared(&self) -> Vec<f64> {
        let pairs = || self.ours.iter().zip(&self.yardstick);
        match self.bar {
            Bar::Ratio(_) | Bar::Times(_) | Bar::Nothing => {
                pairs().map(|(ours, yardstick)| ours.value / yardstick.value).collect()
            }
            Bar::Above(_) => pairs().map(|(ours, yardstick)| ours.value - yardstick.value).collect(),
            Bar::AboveTwice(_) => {
                pairs().map(|(ours, yardstick)| ours.value - 2.0 * yardstick.value).collect()
            }
            Bar::AtMost(_) => self.ours.iter().map(|ours| ours.value).collect(),
        }
    }

    /// Whether the median is on the right side of the bar.
    pub(super) fn reached(&self) -> bool {
        let Some(spread) = Spread::of(self.compared()) else { return false };
        match self.bar {
            Bar::Ratio(least) => spread.median >= least,
            Bar::Times(most) | Bar::Above(most) | Bar::AboveTwice(most) | Bar::AtMost(most) => {
                spread.median <= most
            }
            Bar::Nothing => true,
        }
    }

    /// The notes' medians; those of the yardstick are marked.
    pub(super) fn notes(&self) -> BTreeMap<String, f64> {
        let mut all: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for (prefix, samples) in [("", &self.ours), ("yardstick: ", &self.yardstick)] {
            for (name, value) in samples.iter().flat_map(|sample| &sample.notes) {
                all.entry(format!("{prefix}{name}")).or_default().push(*value);
            }
        }
        all.into_iter().filter_map(|(name, values)| Some((name, Spread::of(values)?.median))).collect()
    }
}

/// The middle and the ends of some values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    /// None of no values.
    pub(super) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            0 => f64::midpoint(values[middle - 1], values[middle]),
            _ => values[middle],
        };
        Some(Self { median, least, most })
    }

    /// Of processor times.
    pub(super) fn of_cpu(samples: &[Sample]) -> Option<Self> {
        Self::of(samples.iter().filter_map(|sample| sample.cpu_ms).collect())
    }

    /// Of values.
    pub(super) fn of_values(samples: &[Sample]) -> Option<Self> {
        Self::of(samples.iter().map(|sample| sample.value).collect())
    }
}

/// The value that this share of the others does not exceed.
pub(super) fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() as f64 * share).ceil() as usize;
    values.get(rank.clamp(1, values.len().max(1)) - 1).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_above_twice_the_yardstick_is_compared_with_the_bar() {
        let mut row = Row::new("quiet", "ms", "alone", Bar::AboveTwice(10.0));
        row.ours.push(Sample::new(33.0));
        row.yardstick.push(Sample::new(12.0));
        assert_eq!((row.compared(), row.reached()), (vec![9.0], true));
        row.ours[0].value = 34.5;
        assert_eq!((row.compared(), row.reached()), (vec![10.5], false));
    }

    #[test]
    fn medians_and_percentiles_are_of_the_sorted_values() {
        let spread = Spread::of(vec![3.0, 1.0, 2.0, 10.0]).unwrap();
        assert_eq!((spread.least, spread.median, spread.most), (1.0, 2.5, 10.0));
        let mut values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!((percentile(&mut values, 0.5), percentile(&mut values, 0.99)), (100.0, 198.0));
        assert!(percentile(&mut [], 0.5).is_nan());
    }
}
