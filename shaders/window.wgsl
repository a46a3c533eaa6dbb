// Variance of the Laplacian in a square window of cells: twin of src/cpu/window.rs.

struct Params {
    size: vec2<u32>,
    radius: i32,
    // 1 / number of cells in the window.
    per_window: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> moments: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> sums: array<vec4<f32>>;
@group(0) @binding(3) var measure: texture_storage_2d<r32float, write>;
@group(0) @binding(4) var luma: texture_storage_2d<r32float, write>;

@compute @workgroup_size(TILE_X, TILE_Y)
fn across(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let at = vec2<i32>(id.xy);
    var sum = vec2<f32>(0.0);
    for (var dx = -params.radius; dx <= params.radius; dx++) {
        sum += moments[clamped_index(at + vec2<i32>(dx, 0), params.size)].xy;
    }
    let own = index(id.xy, params.size.x);
    sums[own] = vec4<f32>(sum, moments[own].z, 0.0);
}

@compute @workgroup_size(TILE_X, TILE_Y)
fn down(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let at = vec2<i32>(id.xy);
    var sum = vec2<f32>(0.0);
    for (var dy = -params.radius; dy <= params.radius; dy++) {
        sum += moments[clamped_index(at + vec2<i32>(0, dy), params.size)].xy;
    }
    let mean = sum.x * params.per_window;
    let variance = max(sum.y * params.per_window - mean * mean, 0.0);
    textureStore(measure, id.xy, vec4<f32>(variance, 0.0, 0.0, 0.0));
    textureStore(luma, id.xy, vec4<f32>(moments[index(id.xy, params.size.x)].z, 0.0, 0.0, 0.0));
}
