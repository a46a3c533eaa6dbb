// How much each place counts in the search for the sharpest frame: twin of src/cpu/vote.rs.

struct Params {
    size: vec2<u32>,
    radius: i32,
    // Cells of the window.
    cells: f32,
    // Energy below which a vote counts less.
    floor: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var energy: texture_2d<f32>;
@group(0) @binding(2) var votes: texture_storage_2d<r32float, write>;

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let at = vec2<i32>(id.xy);
    var sum = 0.0;
    for (var dy = -params.radius; dy <= params.radius; dy++) {
        for (var dx = -params.radius; dx <= params.radius; dx++) {
            sum += clamped(energy, at + vec2<i32>(dx, dy)).x;
        }
    }
    let weight = 1.0 / (sum / params.cells + params.floor);
    textureStore(votes, id.xy, vec4<f32>(weight, 0.0, 0.0, 0.0));
}
