// Depth with near objects grown over what lies behind: twin of src/cpu/front.rs.

struct Params {
    size: vec2<u32>,
    radius: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var plane: texture_2d<f32>;
@group(0) @binding(2) var least: texture_storage_2d<r32float, write>;

fn along(at: vec2<i32>, step: vec2<i32>) -> f32 {
    let radius = i32(params.radius);
    var value = clamped(plane, at).x;
    for (var distance = 1; distance <= radius; distance++) {
        value = min(value, min(clamped(plane, at - distance * step).x, clamped(plane, at + distance * step).x));
    }
    return value;
}

@compute @workgroup_size(TILE_X, TILE_Y)
fn across(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    textureStore(least, id.xy, vec4<f32>(along(vec2<i32>(id.xy), vec2<i32>(1, 0)), 0.0, 0.0, 0.0));
}

@compute @workgroup_size(TILE_X, TILE_Y)
fn down(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    textureStore(least, id.xy, vec4<f32>(along(vec2<i32>(id.xy), vec2<i32>(0, 1)), 0.0, 0.0, 0.0));
}
