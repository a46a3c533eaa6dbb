// Mean focus measure of coarse blocks: twin of src/cpu/blocks.rs. One invocation per block.

struct Params {
    size: vec2<u32>,
    // Blocks across and down.
    blocks: vec2<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var measure: texture_2d<f32>;
@group(0) @binding(2) var means: texture_storage_2d<r32float, write>;

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.blocks) {
        return;
    }
    let begin = id.xy * params.size / params.blocks;
    let end = (id.xy + 1u) * params.size / params.blocks;
    var sum = 0.0;
    var covered = 0u;
    for (var y = begin.y; y < end.y; y++) {
        for (var x = begin.x; x < end.x; x++) {
            let value = textureLoad(measure, vec2<u32>(x, y), 0).x;
            if value >= 0.0 {
                sum += value;
                covered += 1u;
            }
        }
    }
    var mean = OUTSIDE;
    let pixels = (end.x - begin.x) * (end.y - begin.y);
    if covered > 0u && covered * 2u >= pixels {
        mean = sum / f32(covered);
    }
    textureStore(means, id.xy, vec4<f32>(mean, 0.0, 0.0, 0.0));
}
