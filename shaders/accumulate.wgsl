// Adds planes: twin of src/cpu/accumulate.rs.

struct Params {
    size: vec2<u32>,
    scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var sum: texture_2d<f32>;
@group(0) @binding(2) var plane: texture_2d<f32>;
@group(0) @binding(3) var total: texture_storage_2d<r32float, write>;

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let value = textureLoad(sum, id.xy, 0).x + params.scale * textureLoad(plane, id.xy, 0).x;
    textureStore(total, id.xy, vec4<f32>(value, 0.0, 0.0, 0.0));
}
