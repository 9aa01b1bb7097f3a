//! Which points a bench measures.

use super::SizeClass;
use crate::kernels::{Tier, Topology};
use crate::record::{Kernel, KernelSpec, Precision, Size};
use std::fmt;

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// f32 in L2 and memory, the scalar and the best tier: about a minute on two cores.
    Quick,
    /// Everything: some 450 points on two cores.
    Full,
}

/// What a bench is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// How much.
    pub effort: Effort,
    /// Size classes.
    pub classes: Vec<SizeClass>,
    /// Number formats.
    pub precisions: Vec<Precision>,
    /// Instruction-set tiers.
    pub tiers: Vec<Tier>,
    /// Thread counts.
    pub threads: Vec<usize>,
    /// Only points whose name contains one of these words; all where there is none. Probes are measured as points need them.
    pub words: Vec<String>,
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Kernel or probe, at its size.
    pub spec: KernelSpec,
    /// Where its operands lie.
    pub class: SizeClass,
    /// Instruction-set tier.
    pub tier: Tier,
    /// Threads.
    pub threads: usize,
}

impl fmt::Display for Point {
    /// As words select it: `stencil/f32/DRAM/avx512/t2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let KernelSpec { kernel, precision, .. } = self.spec;
        write!(f, "{kernel}/{precision}/{}/{}/t{}", self.class, self.tier, self.threads)
    }
}

/// One, two, four, … threads up to all cores.
pub fn powers_of_two(cores: usize) -> Vec<usize> {
    let cores = cores.max(1);
    let mut threads: Vec<usize> = std::iter::successors(Some(1), |n| Some(2 * n)).take_while(|n| *n < cores).collect();
    threads.push(cores);
    threads
}

impl Plan {
    /// Everything that this machine has, or the quick part of it.
    pub fn of(effort: Effort, topology: &Topology) -> Self {
        let quick = effort == Effort::Quick;
        let mut tiers = if quick { vec![Tier::Scalar, Tier::best()] } else { Tier::available().to_vec() };
        tiers.dedup();
        Self {
            effort,
            classes: if quick { vec![SizeClass::L2, SizeClass::Dram] } else { SizeClass::MEMORY.to_vec() },
            precisions: if quick { vec![Precision::F32] } else { vec![Precision::F32, Precision::F64] },
            tiers,
            threads: powers_of_two(topology.cores().len()),
            words: Vec::new(),
        }
    }

    /// The points, each number of threads together, and what is left out for its length, in words. The probes that a share
    /// of the roofline needs come with the kernels that need them, before them.
    pub fn points(&self, topology: &Topology) -> (Vec<Point>, Vec<String>) {
        let (mut points, mut left_out) = (Vec::new(), Vec::new());
        for &threads in &self.threads {
            let mut kernels = Vec::new();
            for kernel in Kernel::ALL {
                for &precision in &self.precisions {
                    for (class, size) in self.sizes(kernel, precision, topology) {
                        for &tier in &self.tiers {
                            let point = Point { spec: KernelSpec { kernel, size, precision }, class, tier, threads };
                            if !self.wants(&point) {
                                continue;
                            }
                            if point.spec.flops() > self.most_flops(tier) {
                                let flops = point.spec.flops();
                                left_out.push(format!("{point}: {flops:.1e} FLOP would take too long at this tier"));
                            } else {
                                kernels.push(point);
                            }
                        }
                    }
                }
            }
            points.extend(self.probes(&kernels, topology));
            points.extend(kernels);
        }
        (points, left_out)
    }

    fn wants(&self, point: &Point) -> bool {
        let name = point.to_string();
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word.as_str()))
    }

    /// The size of each class.
    fn sizes(&self, kernel: Kernel, precision: Precision, topology: &Topology) -> Vec<(SizeClass, Size)> {
        if kernel == Kernel::MonteCarlo {
            return vec![(SizeClass::Registers, Size::Samples { samples: 1 << 22 })];
        }
        let size = |class: &SizeClass| Some((*class, KernelSpec::size_for(kernel, precision, class.bytes(topology)?)));
        self.classes.iter().filter_map(size).collect()
    }

    /// A single execution of more is left out. Scalar code does some 10^9 FLOP/s, the best tier some 10^11.
    fn most_flops(&self, tier: Tier) -> f64 {
        match (self.effort, tier) {
            (_, Tier::Scalar) => 5e8,
            (Effort::Quick, _) => 4e9,
            (Effort::Full, tier) if tier == Tier::best() => 2e11,
            (Effort::Full, _) => 2e10,
        }
    }

    /// The arithmetic peak of each precision, and the bandwidth of each class, at the best tier.
    fn probes(&self, kernels: &[Point], topology: &Topology) -> Vec<Point> {
        let mut probes: Vec<Point> = Vec::new();
        for at in kernels {
            let fma = Size::Probe { count: if self.effort == Effort::Quick { 1 << 24 } else { 1 << 26 } };
            let mut needed = vec![(Kernel::ProbeFma, fma, SizeClass::Registers)];
            if let Some(bytes) = at.class.bytes(topology) {
                for kernel in [Kernel::ProbeRead, Kernel::ProbeCopy] {
                    needed.push((kernel, KernelSpec::size_for(kernel, at.spec.precision, bytes), at.class));
                }
            }
            for (kernel, size, class) in needed {
                let spec = KernelSpec { kernel, size, precision: at.spec.precision };
                let probe = Point { spec, class, tier: Tier::best(), threads: at.threads };
                if !probes.contains(&probe) {
                    probes.push(probe);
                }
            }
        }
        probes
    }
}

#[cfg(test)]
mod tests {
    use super::super::size_class::tests::machine;
    use super::*;

    fn topology() -> Topology {
        machine(&[(1, 32 << 10), (2, 1 << 20), (3, 32 << 20)])
    }

    #[test]
    fn a_full_bench_has_every_kernel_in_every_class_tier_and_count() {
        let plan = Plan { tiers: vec![Tier::Scalar, Tier::best()], ..Plan::of(Effort::Full, &topology()) };
        let (points, left_out) = plan.points(&topology());
        for kernel in Kernel::ALL.into_iter().filter(|k| !matches!(k, Kernel::Gemm | Kernel::MonteCarlo)) {
            let of = points.iter().filter(|p| p.spec.kernel == kernel).count();
            assert_eq!(of, 4 * 2 * plan.tiers.len() * 2, "{kernel}");
        }
        assert!(points.iter().all(|point| point.spec.validate().is_ok()));
        // What is missing is the product by sequential code, which would take minutes, and it is told.
        assert!(left_out.iter().all(|name| name.starts_with("gemm/") && name.contains("/scalar/")), "{left_out:?}");
        assert!(!left_out.is_empty() || Tier::best() == Tier::Scalar);
    }

    #[test]
    fn each_kernel_comes_after_the_roof_of_its_class_threads_and_precision() {
        let (points, _) = Plan::of(Effort::Full, &topology()).points(&topology());
        for (i, point) in points.iter().enumerate().filter(|(_, p)| !p.spec.kernel.is_probe()) {
            let before = |kernel: Kernel, class: SizeClass| {
                points[..i].iter().any(|p| {
                    p.spec.kernel == kernel
                        && p.class == class
                        && (p.threads, p.spec.precision) == (point.threads, point.spec.precision)
                })
            };
            assert!(before(Kernel::ProbeFma, SizeClass::Registers), "{point}");
            assert!(point.class == SizeClass::Registers || before(Kernel::ProbeRead, point.class), "{point}");
        }
    }

    #[test]
    fn words_select_points_with_their_probes() {
        let words = vec!["triad/f32/DRAM/scalar/t1".to_owned()];
        let plan = Plan { words, threads: vec![1, 2], ..Plan::of(Effort::Quick, &topology()) };
        let (points, _) = plan.points(&topology());
        let names: Vec<String> = points.iter().map(ToString::to_string).collect();
        let best = Tier::best();
        let roofs = [("probe_fma", "none"), ("probe_read", "DRAM"), ("probe_copy", "DRAM")];
        let mut expected = roofs.map(|(probe, class)| format!("{probe}/f32/{class}/{best}/t1")).to_vec();
        expected.push("triad/f32/DRAM/scalar/t1".into());
        assert_eq!(names, expected);
        let none = Plan { words: vec!["tirad".into()], ..plan };
        assert_eq!(none.points(&topology()), (vec![], vec![]));
    }

    #[test]
    fn threads_double_up_to_the_cores() {
        assert_eq!((powers_of_two(1), powers_of_two(2), powers_of_two(6)), (vec![1], vec![1, 2], vec![1, 2, 4, 6]));
    }
}
