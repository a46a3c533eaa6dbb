// Normal equations of one alignment step: twin of src/cpu/align.rs.
//
// An invocation sums a run of pixels of one row in registers; the host adds the runs in double precision.

struct Params {
    size: vec2<u32>,
    // Centre of the plane in pixels, and 2 / width.
    centre: vec2<f32>,
    unit: f32,
    // Pixels of a run, runs of a row.
    run: u32,
    runs: u32,
}

const SUMS: u32 = 29u;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var reference: texture_2d<f32>;
@group(0) @binding(2) var warped: texture_2d<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(TILE_X, TILE_Y)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    // Rows 1 … height − 2, columns 1 … width − 2.
    let row = id.y + 1u;
    if id.x >= params.runs || row + 1u >= params.size.y {
        return;
    }
    let y = i32(row);
    let begin = i32(1u + id.x * params.run);
    let end = min(begin + i32(params.run), i32(params.size.x) - 1);
    let v = (f32(y) - params.centre.y) * params.unit;
    var s: array<f32, SUMS>;
    for (var x = begin; x < end; x++) {
        let w = textureLoad(warped, vec2<i32>(x, y), 0).x;
        let we = textureLoad(warped, vec2<i32>(x + 1, y), 0).x;
        let ww = textureLoad(warped, vec2<i32>(x - 1, y), 0).x;
        let wn = textureLoad(warped, vec2<i32>(x, y - 1), 0).x;
        let ws = textureLoad(warped, vec2<i32>(x, y + 1), 0).x;
        if min(min(w, min(we, ww)), min(wn, ws)) < 0.0 {
            continue;
        }
        let r = textureLoad(reference, vec2<i32>(x, y), 0).x;
        let re = textureLoad(reference, vec2<i32>(x + 1, y), 0).x;
        let rw = textureLoad(reference, vec2<i32>(x - 1, y), 0).x;
        let rn = textureLoad(reference, vec2<i32>(x, y - 1), 0).x;
        let rs = textureLoad(reference, vec2<i32>(x, y + 1), 0).x;
        let u = (f32(x) - params.centre.x) * params.unit;
        let gx = 0.25 * (re - rw + we - ww);
        let gy = 0.25 * (rs - rn + ws - wn);
        let d = w - r;
        let a = gx * u + gy * v;
        let b = gy * u - gx * v;
        s[0] += a * a;
        s[1] += a * b;
        s[2] += a * gx;
        s[3] += a * gy;
        s[4] += a * w;
        s[5] += a;
        s[6] += b * b;
        s[7] += b * gx;
        s[8] += b * gy;
        s[9] += b * w;
        s[10] += b;
        s[11] += gx * gx;
        s[12] += gx * gy;
        s[13] += gx * w;
        s[14] += gx;
        s[15] += gy * gy;
        s[16] += gy * w;
        s[17] += gy;
        s[18] += w * w;
        s[19] += w;
        s[20] += 1.0;
        s[21] += a * d;
        s[22] += b * d;
        s[23] += gx * d;
        s[24] += gy * d;
        s[25] += w * d;
        s[26] += d;
        s[27] += d * d;
        s[28] += 1.0;
    }
    let base = (id.y * params.runs + id.x) * SUMS;
    for (var k = 0u; k < SUMS; k++) {
        sums[base + k] = s[k];
    }
}
