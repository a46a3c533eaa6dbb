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

// An invocation makes four pixels, which share their nine of the coarser plane.
@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let corner = 2u * id.xy;
    if any(corner >= params.size) {
        return;
    }
    let at = vec2<i32>(i32(id.x), i32(id.y + params.top / 2u));
    let before = row(at - vec2<i32>(0, 1));
    let here = row(at);
    let after = row(at + vec2<i32>(0, 1));
    put(corner, (before.on + 6.0 * here.on + after.on) * 0.125);
    put(corner + vec2<u32>(1u, 0u), (before.off + 6.0 * here.off + after.off) * 0.125);
    put(corner + vec2<u32>(0u, 1u), (here.on + after.on) * 0.5);
    put(corner + vec2<u32>(1u, 1u), (here.off + after.off) * 0.5);
}

// Two pixels that a pixel of the coarser plane is expanded to across.
struct Pair {
    on: vec4<f32>,
    off: vec4<f32>,
}

fn row(at: vec2<i32>) -> Pair {
    let before = half[clamped_index(at - vec2<i32>(1, 0), params.coarser)];
    let here = half[clamped_index(at, params.coarser)];
    let after = half[clamped_index(at + vec2<i32>(1, 0), params.coarser)];
    return Pair((before + 6.0 * here + after) * 0.125, (here + after) * 0.5);
}

fn put(at: vec2<u32>, expanded: vec4<f32>) {
    if any(at >= params.size) {
        return;
    }
    let place = index(at, params.size.x);
    let value = sum[place];
    picture[place] = vec4<f32>(value.xyz / value.w + expanded.xyz, 1.0);
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
