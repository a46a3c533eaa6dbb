// Halves a plane: twin of src/cpu/reduce.rs. An odd last row or column is replicated.

struct Params {
    // Of the result.
    size: vec2<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var plane: texture_2d<f32>;
@group(0) @binding(2) var halved: texture_storage_2d<r32float, write>;

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let at = vec2<i32>(id.xy) * 2;
    let above = clamped(plane, at).x + clamped(plane, at + vec2<i32>(1, 0)).x;
    let sum = above + clamped(plane, at + vec2<i32>(0, 1)).x + clamped(plane, at + vec2<i32>(1, 1)).x;
    textureStore(halved, id.xy, vec4<f32>(0.25 * sum, 0.0, 0.0, 0.0));
}
