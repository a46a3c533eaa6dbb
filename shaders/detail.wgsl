// A band of the Laplacian pyramid and its energy: twin of src/cpu/detail.rs. The energy is decimated by shrink.wgsl.

struct Params {
    size: vec2<u32>,
    // What energies are multiplied by (params.rs: ENERGY_SCALE).
    scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var plane: texture_2d<f32>;
@group(0) @binding(2) var half: texture_2d<f32>;
// Colours, and the energy in the fourth channel.
@group(0) @binding(3) var band: texture_storage_2d<rgba32float, write>;

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
    let before = clamped(half, at - vec2<i32>(1, 0));
    let here = clamped(half, at);
    let after = clamped(half, at + vec2<i32>(1, 0));
    return Pair((before + 6.0 * here + after) * 0.125, (here + after) * 0.5);
}

fn put(at: vec2<u32>, expanded: vec4<f32>) {
    if any(at >= params.size) {
        return;
    }
    let value = textureLoad(plane, at, 0).xyz - expanded.xyz;
    textureStore(band, at, vec4<f32>(value, params.scale * dot(value, value)));
}
