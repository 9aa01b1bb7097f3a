//! Monte Carlo by xoshiro256+ (D. Blackman and S. Vigna, *Scrambled linear pseudorandom number generators*, ACM TOMS 47,
//! 2021), 32 generators side by side.

/// Generators of a bundle: the first half draws abscissas, the second half ordinates.
pub const GENERATORS: usize = 32;
/// Samples of one step of a bundle: two 32-bit words a draw.
pub const STEP_SAMPLES: usize = GENERATORS;

/// The states of a bundle: word `w` of generator `g` at `[w][g]`.
pub type Bundle = [[u64; GENERATORS]; 4];

/// The next draw of generator `g`.
#[inline(always)]
fn next(s: &mut Bundle, g: usize) -> u64 {
    let draw = s[0][g].wrapping_add(s[3][g]);
    let shifted = s[1][g] << 17;
    s[2][g] ^= s[0][g];
    s[3][g] ^= s[1][g];
    s[1][g] ^= s[2][g];
    s[0][g] ^= s[3][g];
    s[2][g] ^= shifted;
    s[3][g] = s[3][g].rotate_left(45);
    draw
}

/// Of the samples of `steps` steps, how many lie inside the quarter circle, in f32 arithmetic. Of each step only the first
/// `take` samples count, in the order of generators, the low word of a draw before its high word.
#[inline(never)]
pub fn count_inside_xoshiro(bundle: &mut Bundle, steps: u64, take: usize) -> u64 {
    // 24 bits are exact in f32. Squares are compared in units of 2^-24, which rounds like comparing with 1.
    let coordinate = |word: u32| (word >> 8) as i32 as f32;
    let limit = (1u64 << 48) as f32;
    let mut count = 0;
    for _ in 0..steps {
        for g in 0..GENERATORS / 2 {
            let (x, y) = (next(bundle, g), next(bundle, g + GENERATORS / 2));
            for (half, shift) in [(0, 0), (1, 32)] {
                let (x, y) = (coordinate((x >> shift) as u32), coordinate((y >> shift) as u32));
                if 2 * g + half < take {
                    count += u64::from(x * x + y * y < limit);
                }
            }
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first draws from the state 1, 2, 3, 4, as the authors' C code gives them (also the test vector of the crate
    /// `rand_xoshiro`).
    #[test]
    fn known_answers() {
        let mut bundle = [[1; GENERATORS], [2; GENERATORS], [3; GENERATORS], [4; GENERATORS]];
        let draws: Vec<u64> = (0..6).map(|_| next(&mut bundle, 7)).collect();
        let known =
            [5, 211106232532999, 211106635186183, 9223759065350669058, 9250833439874351877, 13862484359527728515];
        assert_eq!(draws, known);
    }

    #[test]
    fn only_the_samples_that_are_taken_count() {
        let fresh = || -> Bundle {
            std::array::from_fn(|w| {
                std::array::from_fn(|g| 0x9E37_79B9_7F4A_7C15u64.wrapping_mul((4 * g + w + 1) as u64))
            })
        };
        let counts: Vec<u64> = (0..=STEP_SAMPLES).map(|take| count_inside_xoshiro(&mut fresh(), 1, take)).collect();
        assert_eq!(counts[0], 0);
        assert!(counts.windows(2).all(|w| w[1] - w[0] <= 1));
        let all = count_inside_xoshiro(&mut fresh(), 4000, STEP_SAMPLES) as f64 / (4000 * STEP_SAMPLES) as f64;
        assert!((4.0 * all - std::f64::consts::PI).abs() < 0.03, "{all}");
    }
}
