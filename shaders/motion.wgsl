// Sums up, block by block, how a frame moves against another: twin of src/cpu/motion.rs. One invocation a block.

struct Params {
    // Of the grid.
    size: vec2<u32>,
    // Of the moving plane.
    moving: vec2<f32>,
    // Cells a side of a block, and blocks across and down.
    block: u32,
    across: u32,
    down: u32,
    margin: u32,
    level: f32,
    radius: f32,
    // Projective matrix, grid → moving plane, row by row.
    xx: f32,
    xy: f32,
    x0: f32,
    yx: f32,
    yy: f32,
    y0: f32,
    wx: f32,
    wy: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var fixed: texture_2d<f32>;
@group(0) @binding(2) var moving: texture_2d<f32>;
@group(0) @binding(3) var depth: texture_2d<f32>;
// 15 floats a block (params.rs: MOTION_SUMS).
@group(0) @binding(4) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= params.across || id.y >= params.down {
        return;
    }
    // Read once: devices may read uniforms anew with every turn of a loop.
    let p = params;
    // Rows of the upper triangle, and of the right side.
    var first = vec4<f32>(0.0);
    var second = vec3<f32>(0.0);
    var third = vec2<f32>(0.0);
    var fourth = 0.0;
    var right = vec4<f32>(0.0);
    var squares = 0.0;
    let begin = id.xy * p.block;
    let end = min(begin + p.block, p.size);
    let margin = max(p.margin, 1u);
    for (var y = max(begin.y, margin); y < end.y && y + margin < p.size.y; y++) {
        for (var x = max(begin.x, margin); x < end.x && x + margin < p.size.x; x++) {
            let at = vec2<u32>(x, y);
            let t = (textureLoad(depth, at, 0).x - p.level) / p.radius;
            let bump = 1.0 - t * t;
            if bump <= 0.0 {
                continue;
            }
            let here = textureLoad(fixed, at, 0).x;
            let left = textureLoad(fixed, at - vec2<u32>(1u, 0u), 0).x;
            let after = textureLoad(fixed, at + vec2<u32>(1u, 0u), 0).x;
            let up = textureLoad(fixed, at - vec2<u32>(0u, 1u), 0).x;
            let down = textureLoad(fixed, at + vec2<u32>(0u, 1u), 0).x;
            if min(min(min(left, after), min(up, down)), here) == OUTSIDE {
                continue;
            }
            let place = vec2<f32>(at);
            let source = vec2<f32>(
                p.xx * place.x + p.xy * place.y + p.x0,
                p.yx * place.x + p.yy * place.y + p.y0,
            ) / (p.wx * place.x + p.wy * place.y + 1.0);
            let low = f32(margin);
            if any(source < vec2<f32>(low)) || any(source > p.moving - (low + 1.0)) {
                continue;
            }
            let residual = bilinear(source) - here;
            let weight = bump * bump;
            let terms = vec4<f32>((after - left) * 0.5, (down - up) * 0.5, here, 1.0);
            let weighted = weight * terms;
            first += weighted.x * terms;
            second += weighted.y * terms.yzw;
            third += weighted.z * terms.zw;
            fourth += weight;
            right += weighted * residual;
            squares += weight * residual * residual;
        }
    }
    let at = 15u * (id.y * params.across + id.x);
    sums[at] = first.x;
    sums[at + 1u] = first.y;
    sums[at + 2u] = first.z;
    sums[at + 3u] = first.w;
    sums[at + 4u] = second.x;
    sums[at + 5u] = second.y;
    sums[at + 6u] = second.z;
    sums[at + 7u] = third.x;
    sums[at + 8u] = third.y;
    sums[at + 9u] = fourth;
    sums[at + 10u] = right.x;
    sums[at + 11u] = right.y;
    sums[at + 12u] = right.z;
    sums[at + 13u] = right.w;
    sums[at + 14u] = squares;
}

fn bilinear(source: vec2<f32>) -> f32 {
    let corner = floor(source);
    let part = source - corner;
    let texel = vec2<i32>(corner);
    let a = textureLoad(moving, texel, 0).x;
    let b = textureLoad(moving, texel + vec2<i32>(1, 0), 0).x;
    let c = textureLoad(moving, texel + vec2<i32>(0, 1), 0).x;
    let d = textureLoad(moving, texel + vec2<i32>(1, 1), 0).x;
    let upper = a + (b - a) * part.x;
    let lower = c + (d - c) * part.x;
    return upper + (lower - upper) * part.y;
}
