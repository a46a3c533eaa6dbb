// Resamples a plane into the reference geometry: twin of src/cpu/warp.rs.

struct Params {
    // Of the result.
    size: vec2<u32>,
    gain: f32,
    // Projective matrix, result → plane, row by row.
    xx: f32,
    xy: f32,
    x0: f32,
    yx: f32,
    yy: f32,
    y0: f32,
    wx: f32,
    wy: f32,
    // 1: the nearest edge pixel stands outside the frame; 0: OUTSIDE.
    replicate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var plane: texture_2d<f32>;
@group(0) @binding(2) var warped: texture_storage_2d<r32float, write>;

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if any(id.xy >= params.size) {
        return;
    }
    let at = vec2<f32>(id.xy);
    let source = vec2<f32>(
        params.xx * at.x + params.xy * at.y + params.x0,
        params.yx * at.x + params.yy * at.y + params.y0,
    ) / (params.wx * at.x + params.wy * at.y + 1.0);
    let last = vec2<f32>(textureDimensions(plane)) - 1.0;
    var value = OUTSIDE;
    let covered = all(source >= vec2<f32>(-0.5)) && all(source <= last + 0.5);
    if covered || params.replicate == 1u {
        let inside = clamp(source, vec2<f32>(0.0), last);
        let corner = floor(inside);
        let part = inside - corner;
        let texel = vec2<i32>(corner);
        let next = min(texel + 1, vec2<i32>(last));
        let a = textureLoad(plane, texel, 0).x;
        let b = textureLoad(plane, vec2<i32>(next.x, texel.y), 0).x;
        let c = textureLoad(plane, vec2<i32>(texel.x, next.y), 0).x;
        let d = textureLoad(plane, next, 0).x;
        let upper = a + (b - a) * part.x;
        let lower = c + (d - c) * part.x;
        value = (upper + (lower - upper) * part.y) * params.gain;
    }
    textureStore(warped, id.xy, vec4<f32>(value, 0.0, 0.0, 0.0));
}
