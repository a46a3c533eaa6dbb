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
