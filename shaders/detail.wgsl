// A band of the Laplacian pyramid and its energy: twin of src/cpu/detail.rs.

struct Params {
    size: vec2<u32>,
    // What energies are multiplied by (params.rs: ENERGY_SCALE).
    scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> plane: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> half: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> band: array<vec4<f32>>;
// Energies of two by two pixels, row by row, on the grid of `half`.
@group(0) @binding(4) var<storage, read_write> squares: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> energies: array<vec4<f32>>;
@group(0) @binding(6) var decimated: texture_storage_2d<r32float, write>;

// Size of `half`.
fn halved() -> vec2<u32> {
    return (params.size + 1u) / 2u;
}

// An invocation makes four pixels, which share their nine of the coarser plane.
@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let corner = 2u * id.xy;
    if any(corner >= params.size) {
        return;
    }
    let at = vec2<i32>(id.xy);
    let before = row(at - vec2<i32>(0, 1));
    let here = row(at);
    let after = row(at + vec2<i32>(0, 1));
    var upper = Pair((before.on + 6.0 * here.on + after.on) * 0.125, (before.off + 6.0 * here.off + after.off) * 0.125);
    var lower = Pair((here.on + after.on) * 0.5, (here.off + after.off) * 0.5);
    // What reaches beyond the plane repeats its last column and row. No branch: all invocations would walk both ways.
    let end = min(corner + 1u, params.size - 1u);
    let single = end == corner;
    upper.off = select(upper.off, upper.on, single.x);
    lower.off = select(lower.off, lower.on, single.x);
    lower.on = select(lower.on, upper.on, single.y);
    lower.off = select(lower.off, upper.off, single.y);
    squares[index(id.xy, halved().x)] = vec4<f32>(
        put(corner, upper.on),
        put(vec2<u32>(end.x, corner.y), upper.off),
        put(vec2<u32>(corner.x, end.y), lower.on),
        put(end, lower.off),
    );
}

// Two pixels that a pixel of the coarser plane is expanded to across.
struct Pair {
    on: vec4<f32>,
    off: vec4<f32>,
}

fn row(at: vec2<i32>) -> Pair {
    let before = half[clamped_index(at - vec2<i32>(1, 0), halved())];
    let here = half[clamped_index(at, halved())];
    let after = half[clamped_index(at + vec2<i32>(1, 0), halved())];
    return Pair((before + 6.0 * here + after) * 0.125, (here + after) * 0.5);
}

// Returns the pixel's energy.
fn put(at: vec2<u32>, expanded: vec4<f32>) -> f32 {
    let place = index(at, params.size.x);
    let value = plane[place].xyz - expanded.xyz;
    band[place] = vec4<f32>(value, 0.0);
    return params.scale * dot(value, value);
}

// Decimates the energies as shrink.wgsl does. An invocation makes four rows: the squares' rows slide through registers.
@compute @workgroup_size(TILE_X, TILE_Y)
fn decimate(@builtin(global_invocation_id) id: vec3<u32>) {
    let size = halved();
    let top = id.y * 4u;
    if id.x >= size.x || top >= size.y {
        return;
    }
    var before = across(id.x, i32(top) - 1);
    var here = across(id.x, i32(top));
    for (var y = top; y < min(top + 4u, size.y); y++) {
        let after = across(id.x, i32(y) + 1);
        let value = before.x + 4.0 * before.y + 6.0 * here.x + 4.0 * here.y + after.x;
        textureStore(decimated, vec2<u32>(id.x, y), vec4<f32>(value * (1.0 / 256.0), 0.0, 0.0, 0.0));
        before = here;
        here = after;
    }
}

// Both rows of the squares in row `y` smoothed around their left column, in sixteenths.
fn across(x: u32, y: i32) -> vec2<f32> {
    let size = halved();
    let row = u32(clamp(y, 0, i32(size.y) - 1));
    let own = energies[index(vec2<u32>(x, row), size.x)];
    let left = energies[index(vec2<u32>(max(x, 1u) - 1u, row), size.x)];
    let right = energies[index(vec2<u32>(min(x + 1u, size.x - 1u), row), size.x)];
    // Beyond the first and the last square their outer columns go on, and so do rows.
    let before = select(left, own.xxzz, x == 0u);
    let next = select(right.xz, own.yw, x + 1u == size.x);
    let sums = before.xz + 4.0 * before.yw + 6.0 * own.xz + 4.0 * own.yw + next;
    return select(select(sums, sums.xx, y < 0), sums.yy, y >= i32(size.y));
}
