// Distance from depth to the nearest of some planes of focus: twin of src/cpu/nearest.rs.

struct Params {
    size: vec2<u32>,
    count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var depth: texture_2d<f32>;
@group(0) @binding(2) var<storage, read> focused: array<f32>;
@group(0) @binding(3) var distance: texture_storage_2d<r32float, write>;

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let place = textureLoad(depth, id.xy, 0).x;
    var least = abs(place - focused[0]);
    for (var photo = 1u; photo < params.count; photo++) {
        least = min(least, abs(place - focused[photo]));
    }
    textureStore(distance, id.xy, vec4<f32>(least, 0.0, 0.0, 0.0));
}
