// A band of the Laplacian pyramid and its energy: twin of src/cpu/detail.rs.

struct Params {
    // Of what the entry point writes.
    size: vec2<u32>,
    // What energies are multiplied by (params.rs: ENERGY_SCALE).
    scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var plane: texture_2d<f32>;
@group(0) @binding(2) var half: texture_2d<f32>;
// Colours, and the energy in the fourth channel.
@group(0) @binding(3) var band: texture_storage_2d<rgba32float, write>;
@group(0) @binding(4) var band_read: texture_2d<f32>;
@group(0) @binding(5) var decimated: texture_storage_2d<r32float, write>;

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

fn energy_at(x: i32, y: i32) -> f32 {
    return clamped(band_read, vec2<i32>(x, y)).w;
}

// Two energies of a row smoothed across, of the columns x and x + 2.
fn energy_row(x: i32, y: i32) -> vec2<f32> {
    let c = energy_at(x, y);
    let d = energy_at(x + 1, y);
    let e = energy_at(x + 2, y);
    return vec2<f32>(
        energy_at(x - 2, y) + 4.0 * energy_at(x - 1, y) + 6.0 * c + 4.0 * d + e,
        c + 4.0 * d + 6.0 * e + 4.0 * energy_at(x + 3, y) + energy_at(x + 4, y),
    ) * (1.0 / 16.0);
}

// The fourth channel decimated, four rows of two columns to an invocation.
@compute @workgroup_size(TILE_X, TILE_Y)
fn energy(@builtin(global_invocation_id) id: vec3<u32>) {
    let top = id.y * 4u;
    let left = id.x * 2u;
    if left >= params.size.x || top >= params.size.y {
        return;
    }
    let x = 2 * i32(left);
    var a = energy_row(x, 2 * i32(top) - 2);
    var b = energy_row(x, 2 * i32(top) - 1);
    var c = energy_row(x, 2 * i32(top));
    for (var y = top; y < min(top + 4u, params.size.y); y++) {
        let d = energy_row(x, 2 * i32(y) + 1);
        let e = energy_row(x, 2 * i32(y) + 2);
        let values = (a + 4.0 * b + 6.0 * c + 4.0 * d + e) * (1.0 / 16.0);
        textureStore(decimated, vec2<u32>(left, y), vec4<f32>(values.x, 0.0, 0.0, 0.0));
        if left + 1u < params.size.x {
            textureStore(decimated, vec2<u32>(left + 1u, y), vec4<f32>(values.y, 0.0, 0.0, 0.0));
        }
        a = c;
        b = d;
        c = e;
    }
}
