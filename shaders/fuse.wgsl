// Adds a frame's band to the fused picture's: twin of src/cpu/fuse.rs.

struct Params {
    // Of the sum.
    size: vec2<u32>,
    // Row of the band that is row 0 of the sum; even.
    skip: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// Colour times weight, and the weights.
@group(0) @binding(1) var<storage, read_write> sum: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> band: array<vec4<f32>>;
@group(0) @binding(3) var weight: texture_2d<f32>;

// An invocation adds four pixels, between whose weights those of the coarser grid lie.
@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let corner = 2u * id.xy;
    if any(corner >= params.size) {
        return;
    }
    let at = vec2<i32>(i32(id.x), i32(id.y + params.skip / 2u));
    let a = clamped(weight, at).x;
    let b = clamped(weight, at + vec2<i32>(1, 0)).x;
    let c = clamped(weight, at + vec2<i32>(0, 1)).x;
    let d = clamped(weight, at + vec2<i32>(1, 1)).x;
    add(corner, a);
    add(corner + vec2<u32>(1u, 0u), (a + b) * 0.5);
    let left = (a + c) * 0.5;
    add(corner + vec2<u32>(0u, 1u), left);
    add(corner + vec2<u32>(1u, 1u), (left + (b + d) * 0.5) * 0.5);
}

fn add(at: vec2<u32>, share: f32) {
    if any(at >= params.size) {
        return;
    }
    let color = band[index(at + vec2<u32>(0u, params.skip), params.size.x)].xyz;
    sum[index(at, params.size.x)] += share * vec4<f32>(color, 1.0);
}

// The pyramid's base, whose weights lie on its own grid.
@compute @workgroup_size(TILE_X, TILE_Y)
fn base(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    add(id.xy, textureLoad(weight, id.xy, 0).x);
}
