// Smooths a plane by a binomial: twin of src/cpu/smooth.rs. Four rows of a column to an invocation.

struct Params {
    size: vec2<u32>,
    offset: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var plane: texture_2d<f32>;
@group(0) @binding(2) var smoothed: texture_storage_2d<r32float, write>;

fn row(x: i32, y: i32) -> f32 {
    return (clamped(plane, vec2<i32>(x - 2, y)).x + 4.0 * clamped(plane, vec2<i32>(x - 1, y)).x
        + 6.0 * clamped(plane, vec2<i32>(x, y)).x + 4.0 * clamped(plane, vec2<i32>(x + 1, y)).x
        + clamped(plane, vec2<i32>(x + 2, y)).x) * (1.0 / 16.0);
}

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let top = id.y * 4u;
    if id.x >= params.size.x || top >= params.size.y {
        return;
    }
    let x = i32(id.x);
    var a = row(x, i32(top) - 2);
    var b = row(x, i32(top) - 1);
    var c = row(x, i32(top));
    var d = row(x, i32(top) + 1);
    for (var y = top; y < min(top + 4u, params.size.y); y++) {
        let e = row(x, i32(y) + 2);
        let value = (a + 4.0 * b + 6.0 * c + 4.0 * d + e) * (1.0 / 16.0) + params.offset;
        textureStore(smoothed, vec2<u32>(id.x, y), vec4<f32>(value, 0.0, 0.0, 0.0));
        a = b;
        b = c;
        c = d;
        d = e;
    }
}
