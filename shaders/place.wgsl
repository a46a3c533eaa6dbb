// Levels → places on the focus axis: twin of src/cpu/place.rs.

struct Params {
    size: vec2<u32>,
    levels: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var depth: texture_2d<f32>;
// Place of every level.
@group(0) @binding(2) var<storage, read> places: array<f32>;
@group(0) @binding(3) var placed: texture_storage_2d<r32float, write>;

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let level = textureLoad(depth, id.xy, 0).x;
    let segment = min(u32(max(level, 0.0)), params.levels - 2u);
    let begin = places[segment];
    let value = begin + (level - f32(segment)) * (places[segment + 1u] - begin);
    textureStore(placed, id.xy, vec4<f32>(value, 0.0, 0.0, 0.0));
}
