//! One way of sorting: Go's `sort.SliceStable`, step for step.
//!
//! The orders of platforms are not strict weak orders in every case (features of an operating system make
//! them intransitive), so that the result depends on which pairs are compared, and in which order. Any
//! other stable sort would give other results than the peers give. Everything else is sorted by it, too:
//! the standard library's sorts are compiled for each kind of item, which made up a twentieth of the
//! component.

use crate::prelude::*;

/// Items sorted by insertion before blocks are merged.
const BLOCK: usize = 20;

/// Whether the item at the first position belongs before the one at the second.
type Before<'a> = &'a dyn Fn(u32, u32) -> bool;

/// Sorts so that `before` things go first; equal ones keep their order if `before` is a strict weak order.
/// At most about `n log² n` comparisons, whatever `before` answers.
pub fn stable_sort<T>(items: &mut Vec<T>, before: impl Fn(&T, &T) -> bool) {
    let order = order(items.len(), &|a, b| match (items.get(a as usize), items.get(b as usize)) {
        (Some(a), Some(b)) => before(a, b),
        _ => false,
    });
    let mut unsorted: Vec<Option<T>> = core::mem::take(items).into_iter().map(Some).collect();
    items.extend(order.into_iter().filter_map(|at| unsorted.get_mut(at as usize)?.take()));
}

/// The positions `0..count` of items in the order [`stable_sort`] would leave the items in. `count` is below
/// 2^32: nothing read here is that long.
pub fn order(count: usize, before: Before<'_>) -> Vec<u32> {
    let mut positions: Vec<u32> = (0..).take(count).collect();
    for block in positions.chunks_mut(BLOCK) {
        insertion_sort(block, before);
    }
    let mut block = BLOCK;
    while block < count {
        let mut start = 0;
        while start + block < count {
            let end = count.min(start + 2 * block);
            merge(&mut positions[start..end], block, before);
            start = end;
        }
        block *= 2;
    }
    positions
}

/// The first item whose key an earlier one has.
pub fn first_twice<'a, T>(items: &'a [T], key: impl Fn(&'a T) -> &'a str) -> Option<usize> {
    let key_at = |at: u32| items.get(at as usize).map(&key);
    let order = order(items.len(), &|a, b| key_at(a) < key_at(b));
    // Among equal ones the order is that of the items.
    let again = order.windows(2).filter(|pair| key_at(pair[0]) == key_at(pair[1])).map(|pair| pair[1]);
    again.min().map(|at| at as usize)
}

fn insertion_sort(items: &mut [u32], before: Before<'_>) {
    for start in 1..items.len() {
        let mut at = start;
        while at > 0 && before(items[at], items[at - 1]) {
            items.swap(at, at - 1);
            at -= 1;
        }
    }
}

/// SymMerge (Kim and Kutzner 2004): merges the sorted `items[..middle]` and `items[middle..]` in place.
/// Recursion halves the range each time.
fn merge(items: &mut [u32], middle: usize, before: Before<'_>) {
    let count = items.len();
    if middle == 1 {
        let to = lowest(1, count, &|at| !before(items[at], items[0]));
        items[..to].rotate_left(1);
        return;
    }
    if count - middle == 1 {
        let to = lowest(0, middle, &|at| before(items[middle], items[at]));
        items[to..].rotate_right(1);
        return;
    }
    let half = count / 2;
    let sum = half + middle;
    let (low, high) = if middle > half { (sum - count, half) } else { (0, middle) };
    let start = lowest(low, high, &|at| before(items[sum - 1 - at], items[at]));
    let end = sum - start;
    if start < middle && middle < end {
        items[start..end].rotate_left(middle - start);
    }
    if 0 < start && start < half {
        merge(&mut items[..half], start, before);
    }
    if half < end && end < count {
        merge(&mut items[half..], end - half, before);
    }
}

/// The lowest of `low..high` that holds, or `high`, by bisection.
fn lowest(mut low: usize, mut high: usize, holds: &dyn Fn(usize) -> bool) -> usize {
    while low < high {
        let middle = low.midpoint(high);
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strict_order_gives_what_any_stable_sort_gives() {
        let mut state = 1_u64;
        for count in 0..300 {
            let mut items: Vec<(u64, usize)> = (0..count)
                .map(|at| {
                    state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    ((state >> 33) % 7, at)
                })
                .collect();
            let mut wanted = items.clone();
            wanted.sort_by_key(|item| item.0);
            stable_sort(&mut items, |a, b| a.0 < b.0);
            assert_eq!(items, wanted);
        }
    }

    #[test]
    fn an_order_that_is_none_ends_and_loses_nothing() {
        for count in [0, 1, 19, 20, 21, 64, 1000] {
            let mut items: Vec<usize> = (0..count).collect();
            stable_sort(&mut items, |a, b| (a * 7919 + b * 31) % 3 == 0);
            items.sort_unstable();
            assert_eq!(items, (0..count).collect::<Vec<_>>());
            stable_sort(&mut items, |_, _| true);
        }
    }
}
