//! What the machine can do: multiply-adds in a second, and bytes from memory. For comparisons, not for training.

use crate::LANES;
use crate::arch::Table;
use crate::team::Team;
use crate::vector::Vector;
use std::hint::black_box;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Chains of multiply-adds that do not wait for each other: more than a core can have under way at a time (two units
/// of four cycles each), few enough for sixteen registers.
const CHAINS: usize = 12;
/// Multiply-adds of a chain between two looks at the clock.
const ROUNDS: usize = 4096;
/// Bytes of each of the three arrays that are read or written: several times the last-level caches' share of a core.
const BYTES: usize = 64 << 20;

/// `ROUNDS` multiply-adds of [`CHAINS`] registers; their sum, so that they are done.
///
/// # Safety
/// Needs the instruction set of V.
#[inline(always)]
pub(crate) unsafe fn multiply_adds<V: Vector>(start: f32) -> f32 {
    // SAFETY: the caller has the instruction set; the array has a place for every lane.
    unsafe {
        let (a, b) = (V::splat(0.999), V::splat(0.001));
        let mut sums = [V::splat(start); CHAINS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = sum.fma(a, b);
            }
        }
        let mut lanes = [0.0; LANES];
        let mut all = 0.0;
        for sum in sums {
            sum.store(lanes.as_mut_ptr());
            all += lanes[0];
        }
        all
    }
}

/// Floating-point operations a second, a multiply-add counted as 2, of all threads together for about so long.
pub(crate) fn fma_peak(table: &Table, team: &Team, time: Duration) -> f64 {
    let speeds = Mutex::new(0.0);
    team.run(&|_| {
        let (start, mut calls) = (Instant::now(), 0u64);
        while start.elapsed() < time {
            // SAFETY: whoever holds a table has its instruction set.
            black_box(unsafe { (table.multiply_adds)(black_box(1.0)) });
            calls += 1;
        }
        let operations = 2.0 * (CHAINS * ROUNDS * table.lanes) as f64 * calls as f64;
        *speeds.lock().expect("no panic inside") += operations / start.elapsed().as_secs_f64();
    });
    speeds.into_inner().expect("no panic inside")
}

/// Bytes a second of `a = b + 3 c` over arrays that no cache holds, 12 bytes an element: the best of several passes.
pub(crate) fn bandwidth(team: &Team, passes: usize) -> f64 {
    let count = BYTES / size_of::<f32>();
    let (b, c) = (vec![1.0f32; count], vec![2.0f32; count]);
    let mut a = vec![0.0f32; count];
    let mut best = 0.0f64;
    for _ in 0..passes {
        let start = Instant::now();
        const RUN: usize = 1 << 14;
        crate::rows::each_chunk(team, &mut a, RUN, &|index, chunk| {
            let at = index * RUN;
            for ((a, b), c) in chunk.iter_mut().zip(&b[at..]).zip(&c[at..]) {
                *a = b + 3.0 * c;
            }
        });
        black_box(&mut a);
        best = best.max((3 * BYTES) as f64 / start.elapsed().as_secs_f64());
    }
    best
}
