// The picture that guides the fill: twin of src/cpu/guide.rs.

struct Params {
    size: vec2<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
// Colour times weight, and the weights.
@group(0) @binding(1) var<storage, read> sum: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> softened: array<vec4<f32>>;

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let at = vec2<i32>(id.xy);
    var mean = vec3<f32>(0.0);
    for (var dy = -1; dy <= 1; dy++) {
        for (var dx = -1; dx <= 1; dx++) {
            let color = sum[clamped_index(at + vec2<i32>(dx, dy), params.size)];
            // 1-2-1 across and down, in quarters.
            let weight = 0.25 * f32(2 - abs(dy)) * (0.25 * f32(2 - abs(dx))) / max(color.w, 1e-6);
            mean += weight * color.xyz;
        }
    }
    softened[index(id.xy, params.size.x)] = vec4<f32>(mean, 0.0);
}
