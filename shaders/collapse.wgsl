// Puts fused bands together again: twin of src/cpu/collapse.rs.

struct Params {
    // Of the sum.
    size: vec2<u32>,
    // Of the coarser plane.
    coarser: vec2<u32>,
    // Row of what the coarser plane is expanded to that is row 0 of the sum; even.
    top: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// Colour times weight, and the weights.
@group(0) @binding(1) var<storage, read> sum: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> half: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> picture: array<vec4<f32>>;

// Pairs of rows that an invocation makes: those of the coarser plane slide through its registers.
const ROWS: u32 = 4u;

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let size = params.size;
    let coarser = params.coarser;
    let top = id.y * ROWS;
    let end = min(top + ROWS, (size.y + 1u) / 2u);
    if 2u * id.x >= size.x || top >= end {
        return;
    }
    let skipped = i32(params.top / 2u);
    var before = row(id.x, i32(top) + skipped - 1, coarser);
    var here = row(id.x, i32(top) + skipped, coarser);
    for (var y = top; y < end; y++) {
        let after = row(id.x, i32(y) + skipped + 1, coarser);
        let corner = vec2<u32>(2u * id.x, 2u * y);
        put(corner, (before.on + 6.0 * here.on + after.on) * 0.125, size);
        put(corner + vec2<u32>(1u, 0u), (before.off + 6.0 * here.off + after.off) * 0.125, size);
        put(corner + vec2<u32>(0u, 1u), (here.on + after.on) * 0.5, size);
        put(corner + vec2<u32>(1u, 1u), (here.off + after.off) * 0.5, size);
        before = here;
        here = after;
    }
}

// Two pixels that a pixel of the coarser plane is expanded to across.
struct Pair {
    on: vec3<f32>,
    off: vec3<f32>,
}

fn row(x: u32, y: i32, coarser: vec2<u32>) -> Pair {
    let start = index(vec2<u32>(0u, u32(clamp(y, 0, i32(coarser.y) - 1))), coarser.x);
    let before = half[start + max(x, 1u) - 1u].xyz;
    let here = half[start + x].xyz;
    let after = half[start + min(x + 1u, coarser.x - 1u)].xyz;
    return Pair((before + 6.0 * here + after) * 0.125, (here + after) * 0.5);
}

fn put(at: vec2<u32>, expanded: vec3<f32>, size: vec2<u32>) {
    if any(at >= size) {
        return;
    }
    let place = index(at, size.x);
    let value = sum[place];
    picture[place] = vec4<f32>(value.xyz / value.w + expanded, 1.0);
}

@compute @workgroup_size(TILE_X, TILE_Y)
fn base(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let place = index(id.xy, params.size.x);
    let value = sum[place];
    picture[place] = vec4<f32>(value.xyz / value.w, 1.0);
}
