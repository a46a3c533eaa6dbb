// Puts fused bands together again: twin of src/cpu/collapse.rs.

struct Params {
    // Of the sum.
    size: vec2<u32>,
    // Row of the finer plane that is row 0 of the sum; even.
    top: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
// Colour times weight, and the weights.
@group(0) @binding(1) var sum: texture_2d<f32>;
@group(0) @binding(2) var half: texture_2d<f32>;
@group(0) @binding(3) var picture: texture_storage_2d<rgba32float, write>;

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let y = id.y + params.top;
    let at = vec2<i32>(i32(id.x / 2u), i32(y / 2u));
    var expanded = vec4<f32>(0.0);
    if y % 2u == 0u {
        expanded = (row(at - vec2<i32>(0, 1), id.x) + 6.0 * row(at, id.x) + row(at + vec2<i32>(0, 1), id.x)) * 0.125;
    } else {
        expanded = (row(at, id.x) + row(at + vec2<i32>(0, 1), id.x)) * 0.5;
    }
    let value = textureLoad(sum, id.xy, 0);
    textureStore(picture, id.xy, vec4<f32>(value.xyz / value.w + expanded.xyz, 1.0));
}

// Column `x` of a row expanded across.
fn row(at: vec2<i32>, x: u32) -> vec4<f32> {
    let here = clamped(half, at);
    let after = clamped(half, at + vec2<i32>(1, 0));
    if x % 2u == 0u {
        return (clamped(half, at - vec2<i32>(1, 0)) + 6.0 * here + after) * 0.125;
    }
    return (here + after) * 0.5;
}

@compute @workgroup_size(TILE_X, TILE_Y)
fn base(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let value = textureLoad(sum, id.xy, 0);
    textureStore(picture, id.xy, vec4<f32>(value.xyz / value.w, 1.0));
}
