//! Shortest Hamiltonian path with free or fixed ends, for a few hundred nodes.
//!
//! Starts by nearest neighbour, cheapest insertion (Rosenkrantz, Stearns and Lewis 1977) and projection, improved by
//! 2-opt (Croes 1958) and Or-opt (Or 1976) until neither helps. A node of zero distance to all others closes the path to
//! a tour, so that ends need no special moves; a fixed end is bound to that node by a bonus.

/// A square matrix of distances: symmetric, finite, ≥ 0, zeros on the diagonal.
#[derive(Clone, Debug, PartialEq)]
pub struct Distances {
    nodes: usize,
    values: Vec<f32>,
}

impl Distances {
    /// Wraps `values`, row-major, `nodes` × `nodes`; panics on another length, which is a programming error.
    pub fn new(nodes: usize, values: Vec<f32>) -> Self {
        assert_eq!(
            values.len(),
            nodes * nodes,
            "a distance matrix of {nodes} nodes holds {} values",
            nodes * nodes
        );
        Self { nodes, values }
    }

    /// Between places on a line.
    pub fn along(places: &[f64]) -> Self {
        let between = |&a: &f64| places.iter().map(move |b| (a - b).abs() as f32);
        Self { nodes: places.len(), values: places.iter().flat_map(between).collect() }
    }

    /// Number of rows and columns.
    pub const fn nodes(&self) -> usize {
        self.nodes
    }

    /// Distance between nodes `a` and `b`.
    pub fn at(&self, a: usize, b: usize) -> f64 {
        f64::from(self.values[a * self.nodes + b])
    }

    /// The longest distance.
    fn longest(&self) -> f32 {
        self.values.iter().fold(0.0, |a, &b| a.max(b))
    }

    /// The distances between `chosen` nodes, in their order.
    pub fn submatrix(&self, chosen: &[usize]) -> Self {
        let values =
            chosen.iter().flat_map(|&a| chosen.iter().map(move |&b| self.values[a * self.nodes + b]));
        Self { nodes: chosen.len(), values: values.collect() }
    }

    /// Sum of the distances along `path`.
    pub fn length(&self, path: &[usize]) -> f64 {
        path.windows(2).map(|step| self.at(step[0], step[1])).sum()
    }
}

/// The two ends of a path; `None` leaves that end free.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ends {
    /// First node.
    pub first: Option<usize>,
    /// Last node.
    pub last: Option<usize>,
}

impl Ends {
    /// Those that are named.
    pub fn named(self) -> impl Iterator<Item = usize> {
        [self.first, self.last].into_iter().flatten()
    }

    /// By other numbers; an end that `other` has none for is free.
    pub fn map(self, other: impl Fn(usize) -> Option<usize>) -> Self {
        Self { first: self.first.and_then(&other), last: self.last.and_then(&other) }
    }
}

/// Starts tried; each nearest-neighbour tour begins at another of the most eccentric nodes.
const STARTS: usize = 6;
/// Longest run of nodes moved as a whole by Or-opt.
const SEGMENT: usize = 12;
/// Gains below this share of the longest distance are rounding.
const MIN_GAIN: f64 = 1e-9;
/// Detour, in mean steps per node beyond the ends, that ends as named may cost.
const DETOUR: f64 = 0.25;
/// Share of the way from the usual step to the longest distance beyond which a step is a jump: frames that have nothing in
/// common are not all equally far apart, as there is less to see at the ends.
const JUMP: f64 = 0.25;
/// Nodes beyond the ends that noise alone may have put there.
const JITTER: usize = 3;

/// Visits every node once, nearly as short as possible, beginning and ending as `ends` asks.
///
/// The same nodes numbered otherwise give the same path, ties apart. With both ends free the eccentric end comes first.
pub fn shortest_path(distances: &Distances, ends: Ends) -> Vec<usize> {
    let nodes = distances.nodes();
    if nodes <= 2 {
        let flip = ends.first == Some(1) || ends.last == Some(0);
        return if flip { (0..nodes).rev().collect() } else { (0..nodes).collect() };
    }
    let labels = canonical(distances);
    let local = |node: usize| labels.iter().position(|&label| label == node).expect("every node has a label");
    let ends = Ends { first: ends.first.map(local), last: ends.last.map(local) };
    let graph = Graph::new(&distances.submatrix(&labels), ends);
    let starts = (0..STARTS.min(nodes))
        .map(|k| graph.nearest_neighbour(if k % 2 == 0 { k / 2 } else { nodes - 1 - k / 2 }));
    let tours = starts.chain([graph.insertion(), graph.projection()]).map(|mut tour| {
        graph.improve(&mut tour);
        (graph.length(&tour), tour)
    });
    let (_, tour) = tours
        .reduce(|best, next| if next.0 < best.0 - graph.min_gain { next } else { best })
        .expect("there is at least one start");
    let mut path = graph.open(&tour);
    let backwards = match (ends.first, ends.last) {
        (Some(first), _) => path[0] != first,
        (None, Some(last)) => path[nodes - 1] != last,
        (None, None) => path[0] > path[nodes - 1],
    };
    if backwards {
        path.reverse();
    }
    path.into_iter().map(|node| labels[node]).collect()
}

/// A shortest path between `ends`, if these are hardly farther apart than where a shortest path would end by itself.
pub fn path_between(distances: &Distances, ends: Ends) -> Vec<usize> {
    lead(distances, shortest_path(distances, Ends::default()), ends)
}

/// Turns `path`, a shortest one as it is, so that the first of `ends` comes before the last, and lets it begin and end with
/// these if that makes it hardly longer and takes no more jumps.
///
/// Frames that have nothing in common differ alike: a gap in the focus may be jumped from anywhere, so that a path turns
/// back at it, and another jump puts it right. Without a gap noise turns round a few nodes at an end. To go to nodes beyond
/// an end and back takes more jumps, or a step for each node. With one end alone the longer part counts.
pub fn lead(distances: &Distances, mut path: Vec<usize>, ends: Ends) -> Vec<usize> {
    let beyond = turn(distances, &mut path, ends);
    if beyond == 0 || (ends.first.is_some() && ends.first == ends.last) {
        return path;
    }
    let steps =
        |path: &[usize]| -> Vec<f64> { path.windows(2).map(|step| distances.at(step[0], step[1])).collect() };
    let free = steps(&path);
    let mut sorted = free.clone();
    sorted.sort_by(f64::total_cmp);
    let usual = sorted[sorted.len() / 2];
    let jump = usual + JUMP * (f64::from(distances.longest()) - usual);
    let jumps = |steps: &[f64]| steps.iter().filter(|&&step| step > jump).count();
    if beyond > JITTER && jumps(&free) == 0 {
        return path;
    }
    let bound = shortest_path(distances, ends);
    let led = steps(&bound);
    let length: f64 = free.iter().sum();
    let detour = DETOUR * length / free.len() as f64 * beyond as f64;
    let hardly_longer = led.iter().sum::<f64>() < length + detour;
    if hardly_longer && jumps(&led) <= jumps(&free) { bound } else { path }
}

/// Turns `path` so that the first of `ends` comes before the last, and counts the nodes beyond them.
pub fn turn(distances: &Distances, path: &mut [usize], ends: Ends) -> usize {
    let place =
        |end: Option<usize>| end.map(|end| path.iter().position(|&node| node == end).expect("a node"));
    let longer = |a: &[usize], b: &[usize]| distances.length(a) > distances.length(b);
    let after = |place: usize| path.len() - 1 - place;
    let (backwards, beyond) = match (place(ends.first), place(ends.last)) {
        (Some(first), Some(last)) => (first > last, first.min(last) + after(first.max(last))),
        (Some(first), None) => (longer(&path[..=first], &path[first..]), first.min(after(first))),
        (None, Some(last)) => (longer(&path[last..], &path[..=last]), last.min(after(last))),
        (None, None) => (false, 0),
    };
    if backwards {
        path.reverse();
    }
    beyond
}

/// Nodes sorted by distance from the most eccentric one: numbering that does not depend on the caller's.
fn canonical(distances: &Distances) -> Vec<usize> {
    let nodes = distances.nodes();
    let total = |a: usize| (0..nodes).map(|b| distances.at(a, b)).sum::<f64>();
    let totals: Vec<f64> = (0..nodes).map(total).collect();
    let origin = (0..nodes).reduce(|best, a| if totals[a] > totals[best] { a } else { best }).unwrap_or(0);
    let mut labels: Vec<usize> = (0..nodes).collect();
    labels.sort_by(|&a, &b| distances.at(origin, a).total_cmp(&distances.at(origin, b)).then(a.cmp(&b)));
    labels
}

/// The nodes and one more, the last, that closes a path to a tour.
struct Graph {
    size: usize,
    cost: Vec<f64>,
    min_gain: f64,
}

impl Graph {
    fn new(distances: &Distances, ends: Ends) -> Self {
        let (nodes, size) = (distances.nodes(), distances.nodes() + 1);
        let longest = distances.longest();
        let mut graph = Self { size, cost: vec![0.0; size * size], min_gain: MIN_GAIN * f64::from(longest) };
        for a in 0..nodes {
            for b in 0..nodes {
                graph.cost[a * size + b] = distances.at(a, b);
            }
        }
        // Larger than any path, so that no tour without a fixed end is ever shorter.
        let bonus = f64::from(longest) * size as f64 + 1.0;
        for end in ends.named() {
            graph.cost[end * size + nodes] = -bonus;
            graph.cost[nodes * size + end] = -bonus;
        }
        graph
    }

    fn at(&self, a: usize, b: usize) -> f64 {
        self.cost[a * self.size + b]
    }

    fn length(&self, tour: &[usize]) -> f64 {
        let closing = self.at(tour[self.size - 1], tour[0]);
        tour.windows(2).map(|step| self.at(step[0], step[1])).sum::<f64>() + closing
    }

    /// Always on to the nearest node not yet visited; the closing node comes first.
    fn nearest_neighbour(&self, start: usize) -> Vec<usize> {
        let mut tour = vec![self.size - 1, start];
        let mut left: Vec<usize> = (0..self.size - 1).filter(|&node| node != start).collect();
        let mut here = start;
        while !left.is_empty() {
            let best = (0..left.len())
                .reduce(|i, j| if self.at(here, left[j]) < self.at(here, left[i]) { j } else { i });
            here = left.remove(best.expect("some nodes are left"));
            tour.push(here);
        }
        tour
    }

    /// Every node where it lengthens the tour least, the eccentric nodes first.
    fn insertion(&self) -> Vec<usize> {
        let nodes = self.size - 1;
        let mut tour = vec![nodes, 0, nodes - 1];
        for node in (1..nodes - 1).rev() {
            let detour = |i: usize| {
                let (a, b) = (tour[i], tour[(i + 1) % tour.len()]);
                self.at(a, node) + self.at(node, b) - self.at(a, b)
            };
            let best = (0..tour.len()).reduce(|i, j| if detour(j) < detour(i) { j } else { i });
            tour.insert(best.expect("the tour has three nodes") + 1, node);
        }
        tour
    }

    /// Nodes by how much nearer they are to one end than to the other, the ends being the most distant pair: right at large
    /// where steps are so fine that noise hides which node is the nearest.
    fn projection(&self) -> Vec<usize> {
        let nodes = self.size - 1;
        let farthest =
            |a: usize| (0..nodes).fold(a, |far, b| if self.at(a, b) > self.at(a, far) { b } else { far });
        let first = farthest(0);
        let last = farthest(first);
        let mut tour: Vec<usize> = (0..nodes).collect();
        let place = |node: usize| self.at(first, node) - self.at(last, node);
        tour.sort_by(|&a, &b| place(a).total_cmp(&place(b)));
        tour.insert(0, nodes);
        tour
    }

    fn improve(&self, tour: &mut [usize]) {
        while self.two_opt(tour) || self.or_opt(tour) {}
    }

    /// One sweep of reversals that shorten the tour; whether there was any.
    fn two_opt(&self, tour: &mut [usize]) -> bool {
        let mut improved = false;
        for i in 0..self.size - 1 {
            for j in i + 2..self.size {
                let (a, b, c, d) = (tour[i], tour[i + 1], tour[j], tour[(j + 1) % self.size]);
                let gain = self.at(a, b) + self.at(c, d) - self.at(a, c) - self.at(b, d);
                if gain > self.min_gain {
                    tour[i + 1..=j].reverse();
                    improved = true;
                }
            }
        }
        improved
    }

    /// One sweep of moves of short runs, turned round or not, to where they cost least; whether there was any.
    fn or_opt(&self, tour: &mut [usize]) -> bool {
        let mut improved = false;
        for length in 1..=SEGMENT.min(self.size.saturating_sub(3)) {
            for _ in 0..self.size {
                improved |= self.move_front(tour, length);
                tour.rotate_left(1);
            }
        }
        improved
    }

    /// Moves the run of `length` nodes after the first one elsewhere if that shortens the tour.
    fn move_front(&self, tour: &mut [usize], length: usize) -> bool {
        let (before, first, last, after) = (tour[0], tour[1], tour[length], tour[length + 1]);
        let saved = self.at(before, first) + self.at(last, after) - self.at(before, after);
        let mut best = (self.min_gain, 0, false);
        for j in length + 1..self.size {
            let (c, d) = (tour[j], tour[(j + 1) % self.size]);
            let base = saved + self.at(c, d);
            for (gain, turned) in [
                (base - self.at(c, first) - self.at(last, d), false),
                (base - self.at(c, last) - self.at(first, d), true),
            ] {
                if gain > best.0 {
                    best = (gain, j, turned);
                }
            }
        }
        let (_, target, turned) = best;
        if target == 0 {
            return false;
        }
        if turned {
            tour[1..=length].reverse();
        }
        tour[1..=target].rotate_left(length);
        true
    }

    /// The tour cut open at the closing node, which is dropped.
    fn open(&self, tour: &[usize]) -> Vec<usize> {
        let cut =
            tour.iter().position(|&node| node == self.size - 1).expect("the closing node is in every tour");
        tour[cut + 1..].iter().chain(&tour[..cut]).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(positions: &[(f32, f32)]) -> Distances {
        let row = |&(x, y): &(f32, f32)| {
            positions.iter().map(move |&(u, v)| (x - u).hypot(y - v)).collect::<Vec<_>>()
        };
        Distances::new(positions.len(), positions.iter().flat_map(row).collect())
    }

    /// Points spread over a square.
    fn scattered(count: usize, seed: u32) -> Distances {
        let hash = |i: u32| (i.wrapping_add(seed).wrapping_mul(2_654_435_761) >> 8) as f32 / 16_777_216.0;
        points(&(0..count as u32).map(|i| (hash(2 * i), hash(2 * i + 1))).collect::<Vec<_>>())
    }

    fn shortest(distances: &Distances, path: &mut Vec<usize>, ends: Ends) -> f64 {
        let nodes = distances.nodes();
        if path.len() == nodes {
            let fits =
                ends.first.is_none_or(|e| path[0] == e) && ends.last.is_none_or(|e| path[nodes - 1] == e);
            return if fits { distances.length(path) } else { f64::INFINITY };
        }
        let mut best = f64::INFINITY;
        for node in 0..nodes {
            if !path.contains(&node) {
                path.push(node);
                best = best.min(shortest(distances, path, ends));
                path.pop();
            }
        }
        best
    }

    #[test]
    fn is_as_short_as_the_best_of_all() {
        let all = [(None, None), (Some(0), None), (None, Some(3)), (Some(2), Some(5))];
        for (seed, (first, last)) in all.into_iter().enumerate() {
            let (distances, ends) = (scattered(7, seed as u32 * 50), Ends { first, last });
            let path = shortest_path(&distances, ends);
            let best = shortest(&distances, &mut Vec::new(), ends);
            assert!((distances.length(&path) - best).abs() < 1e-6, "{ends:?}: {path:?}");
            assert!(
                first.is_none_or(|e| path[0] == e) && last.is_none_or(|e| path[6] == e),
                "{ends:?}: {path:?}"
            );
        }
    }

    #[test]
    fn follows_a_line_of_many_nodes() {
        let place = |i: usize| (i * 89) % 300;
        let distances =
            points(&(0..300).map(|i| (place(i) as f32, (place(i) as f32 / 40.0).sin())).collect::<Vec<_>>());
        let path: Vec<usize> = shortest_path(&distances, Ends::default()).into_iter().map(place).collect();
        let forward = path[0] == 0;
        assert!(
            path.windows(2).all(|w| if forward { w[1] == w[0] + 1 } else { w[0] == w[1] + 1 }),
            "{path:?}"
        );
    }

    #[test]
    fn few_nodes() {
        for nodes in 0..=3 {
            let path = shortest_path(&scattered(nodes, 1), Ends::default());
            assert_eq!(path.len(), nodes);
        }
        assert_eq!(shortest_path(&scattered(2, 1), Ends { first: Some(1), last: None }), [1, 0]);
        assert_eq!(shortest_path(&scattered(2, 1), Ends { first: None, last: Some(0) }), [1, 0]);
    }

    #[test]
    fn ends_put_right_what_a_gap_has_bent_and_leave_what_is_beyond_them() {
        // Frames that have nothing in common differ alike, a little less by chance: the two ends here.
        let places: [f32; 10] = [0.0, 1.0, 1.5, 2.0, 3.0, 3.5, 8.0, 9.0, 9.5, 10.5];
        let between = |a: f32, b: f32| if (a - b).abs() > 10.0 { 1.9 } else { (a - b).abs().min(2.0) };
        let rows = places.iter().flat_map(|&a| places.iter().map(move |&b| between(a, b)));
        let distances = Distances::new(10, rows.collect());
        let line: Vec<usize> = (0..10).collect();
        let back: Vec<usize> = (0..10).rev().collect();
        assert!(![&line, &back].contains(&&shortest_path(&distances, Ends::default())));
        let led = |first, last| path_between(&distances, Ends { first, last });
        assert_eq!(led(Some(0), Some(9)), line);
        assert_eq!(led(Some(9), Some(0)), back);
        let even = points(&(0..10).map(|i| (i as f32, 0.0)).collect::<Vec<_>>());
        assert_eq!(path_between(&even, Ends { first: Some(7), last: Some(2) }), back);
        assert_eq!(path_between(&even, Ends { first: Some(2), last: None }), line);
    }
}
