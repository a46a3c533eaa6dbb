// Appended to every stage: workgroup size and edge rule.

override TILE_X: u32 = 64u;
override TILE_Y: u32 = 1u;

// Marks a pixel that a warped frame does not cover (params.rs: OUTSIDE).
const OUTSIDE: f32 = -1.0;

// Texel nearest to `at`: edge pixels are replicated.
fn clamped(plane: texture_2d<f32>, at: vec2<i32>) -> vec4<f32> {
    let last = vec2<i32>(textureDimensions(plane)) - 1;
    return textureLoad(plane, clamp(at, vec2<i32>(0), last), 0);
}

// Where the texel at `at` lies in a plane of four floats a texel, whose rows are rounded up to 16 texels
// (src/gpu/texels.rs: ROUND).
fn index(at: vec2<u32>, width: u32) -> u32 {
    return at.y * ((width + 15u) / 16u * 16u) + at.x;
}

// Likewise of the texel nearest to `at` in a plane of `size`.
fn clamped_index(at: vec2<i32>, size: vec2<u32>) -> u32 {
    return index(vec2<u32>(clamp(at, vec2<i32>(0), vec2<i32>(size) - 1)), size.x);
}
