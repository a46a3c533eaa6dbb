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

// Rows of `half` that an invocation goes over, which slide through its registers.
const ROWS: u32 = 4u;

// What the invocations of a column share, read once.
struct Column {
    size: vec2<u32>,
    half: vec2<u32>,
    // Columns of `half` before, at and after it.
    x: vec3<u32>,
}

fn column_at(x: u32) -> Column {
    let size = params.size;
    let half = (size + 1u) / 2u;
    return Column(size, half, vec3<u32>(max(x, 1u) - 1u, x, min(x + 1u, half.x - 1u)));
}

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let column = column_at(id.x);
    let top = id.y * ROWS;
    if id.x >= column.half.x || top >= column.half.y {
        return;
    }
    let scale = params.scale;
    let x = vec2<u32>(2u * id.x, min(2u * id.x + 1u, column.size.x - 1u));
    var before = row(column, i32(top) - 1);
    var here = row(column, i32(top));
    for (var half_row = top; half_row < min(top + ROWS, column.half.y); half_row++) {
        let after = row(column, i32(half_row) + 1);
        let y = vec2<u32>(2u * half_row, min(2u * half_row + 1u, column.size.y - 1u));
        var upper = Pair((before.on + 6.0 * here.on + after.on) * 0.125, (before.off + 6.0 * here.off + after.off) * 0.125);
        var lower = Pair((here.on + after.on) * 0.5, (here.off + after.off) * 0.5);
        // What reaches beyond the plane repeats its last column and row. No branch: all invocations would walk both ways.
        upper.off = select(upper.off, upper.on, x.x == x.y);
        lower.off = select(lower.off, lower.on, x.x == x.y);
        lower.on = select(lower.on, upper.on, y.x == y.y);
        lower.off = select(lower.off, upper.off, y.x == y.y);
        let places = vec4<u32>(
            index(vec2<u32>(x.x, y.x), column.size.x),
            index(vec2<u32>(x.y, y.x), column.size.x),
            index(vec2<u32>(x.x, y.y), column.size.x),
            index(vec2<u32>(x.y, y.y), column.size.x),
        );
        squares[index(vec2<u32>(id.x, half_row), column.half.x)] = scale * vec4<f32>(
            put(places.x, upper.on),
            put(places.y, upper.off),
            put(places.z, lower.on),
            put(places.w, lower.off),
        );
        before = here;
        here = after;
    }
}

// Two pixels that a pixel of the coarser plane is expanded to across.
struct Pair {
    on: vec3<f32>,
    off: vec3<f32>,
}

fn row(column: Column, y: i32) -> Pair {
    let start = index(vec2<u32>(0u, u32(clamp(y, 0, i32(column.half.y) - 1))), column.half.x);
    let before = half[start + column.x.x].xyz;
    let here = half[start + column.x.y].xyz;
    let after = half[start + column.x.z].xyz;
    return Pair((before + 6.0 * here + after) * 0.125, (here + after) * 0.5);
}

// Returns the pixel's squares of all colours.
fn put(place: u32, expanded: vec3<f32>) -> f32 {
    let value = plane[place].xyz - expanded;
    band[place] = vec4<f32>(value, 0.0);
    return dot(value, value);
}

// Decimates the energies as shrink.wgsl does.
@compute @workgroup_size(TILE_X, TILE_Y)
fn decimate(@builtin(global_invocation_id) id: vec3<u32>) {
    let column = column_at(id.x);
    let top = id.y * ROWS;
    if id.x >= column.half.x || top >= column.half.y {
        return;
    }
    var before = across(column, i32(top) - 1);
    var here = across(column, i32(top));
    for (var y = top; y < min(top + ROWS, column.half.y); y++) {
        let after = across(column, i32(y) + 1);
        let value = before.x + 4.0 * before.y + 6.0 * here.x + 4.0 * here.y + after.x;
        textureStore(decimated, vec2<u32>(id.x, y), vec4<f32>(value * (1.0 / 256.0), 0.0, 0.0, 0.0));
        before = here;
        here = after;
    }
}

// Both rows of the squares in row `y` smoothed around their left column, in sixteenths.
fn across(column: Column, y: i32) -> vec2<f32> {
    let last = i32(column.half.y) - 1;
    let start = index(vec2<u32>(0u, u32(clamp(y, 0, last))), column.half.x);
    let own = energies[start + column.x.y];
    let left = energies[start + column.x.x];
    let right = energies[start + column.x.z];
    // Beyond the first and the last square their outer columns go on, and so do rows.
    let before = select(left, own.xxzz, column.x.x == column.x.y);
    let next = select(right.xz, own.yw, column.x.z == column.x.y);
    let sums = before.xz + 4.0 * before.yw + 6.0 * own.xz + 4.0 * own.yw + next;
    return select(select(sums, sums.xx, y < 0), sums.yy, y > last);
}
