/// The innermost loops of matrix products: tiles of C held in registers while k runs.
namespace Rl.Core.Kernels

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// Each method computes C[0 … rows, 0 … columns] = start + A·B for a tile of rows x vectors. `start` is a matrix of row
/// stride `startStride` (0: a bias; 0n: zeros) and may be C itself. Element by element, the k products are added in
/// order, each by one fused multiply-add: so the bits of C do not depend on the tile that an element falls into, nor on
/// the width of vectors.
[<AbstractClass; Sealed>]
type internal Tiles<'L, 'V, 'T when 'T: unmanaged and 'L :> ILanes<'V, 'T>> =

    /// Eight rows by two vectors.
    static member Tile8x2
        (
            k: int,
            a: nativeint,
            aRow: int,
            aColumn: int,
            b: nativeint,
            bRow: int,
            start: nativeint,
            startStride: int,
            c: nativeint,
            cRow: int
        ) : unit =
        let width = 'L.Count
        let mutable c00 = Unchecked.defaultof<'V>
        let mutable c01 = Unchecked.defaultof<'V>
        let mutable c10 = Unchecked.defaultof<'V>
        let mutable c11 = Unchecked.defaultof<'V>
        let mutable c20 = Unchecked.defaultof<'V>
        let mutable c21 = Unchecked.defaultof<'V>
        let mutable c30 = Unchecked.defaultof<'V>
        let mutable c31 = Unchecked.defaultof<'V>
        let mutable c40 = Unchecked.defaultof<'V>
        let mutable c41 = Unchecked.defaultof<'V>
        let mutable c50 = Unchecked.defaultof<'V>
        let mutable c51 = Unchecked.defaultof<'V>
        let mutable c60 = Unchecked.defaultof<'V>
        let mutable c61 = Unchecked.defaultof<'V>
        let mutable c70 = Unchecked.defaultof<'V>
        let mutable c71 = Unchecked.defaultof<'V>

        if start <> 0n then
            c00 <- 'L.Load(start, 0)
            c01 <- 'L.Load(start, width)
            c10 <- 'L.Load(start, startStride)
            c11 <- 'L.Load(start, startStride + width)
            c20 <- 'L.Load(start, 2 * startStride)
            c21 <- 'L.Load(start, 2 * startStride + width)
            c30 <- 'L.Load(start, 3 * startStride)
            c31 <- 'L.Load(start, 3 * startStride + width)
            c40 <- 'L.Load(start, 4 * startStride)
            c41 <- 'L.Load(start, 4 * startStride + width)
            c50 <- 'L.Load(start, 5 * startStride)
            c51 <- 'L.Load(start, 5 * startStride + width)
            c60 <- 'L.Load(start, 6 * startStride)
            c61 <- 'L.Load(start, 6 * startStride + width)
            c70 <- 'L.Load(start, 7 * startStride)
            c71 <- 'L.Load(start, 7 * startStride + width)

        let mutable a = a
        let mutable b = b
        let aStep = nativeint aColumn * nativeint sizeof<'T>
        let bStep = nativeint bRow * nativeint sizeof<'T>

        for _ in 1..k do
            let b0 = 'L.Load(b, 0)
            let b1 = 'L.Load(b, width)
            let x = 'L.Read(a, 0)
            c00 <- 'L.Fma(x, b0, c00)
            c01 <- 'L.Fma(x, b1, c01)
            let x = 'L.Read(a, aRow)
            c10 <- 'L.Fma(x, b0, c10)
            c11 <- 'L.Fma(x, b1, c11)
            let x = 'L.Read(a, 2 * aRow)
            c20 <- 'L.Fma(x, b0, c20)
            c21 <- 'L.Fma(x, b1, c21)
            let x = 'L.Read(a, 3 * aRow)
            c30 <- 'L.Fma(x, b0, c30)
            c31 <- 'L.Fma(x, b1, c31)
            let x = 'L.Read(a, 4 * aRow)
            c40 <- 'L.Fma(x, b0, c40)
            c41 <- 'L.Fma(x, b1, c41)
            let x = 'L.Read(a, 5 * aRow)
            c50 <- 'L.Fma(x, b0, c50)
            c51 <- 'L.Fma(x, b1, c51)
            let x = 'L.Read(a, 6 * aRow)
            c60 <- 'L.Fma(x, b0, c60)
            c61 <- 'L.Fma(x, b1, c61)
            let x = 'L.Read(a, 7 * aRow)
            c70 <- 'L.Fma(x, b0, c70)
            c71 <- 'L.Fma(x, b1, c71)
            a <- a + aStep
            b <- b + bStep

        'L.Store(c, 0, c00)
        'L.Store(c, width, c01)
        'L.Store(c, cRow, c10)
        'L.Store(c, cRow + width, c11)
        'L.Store(c, 2 * cRow, c20)
        'L.Store(c, 2 * cRow + width, c21)
        'L.Store(c, 3 * cRow, c30)
        'L.Store(c, 3 * cRow + width, c31)
        'L.Store(c, 4 * cRow, c40)
        'L.Store(c, 4 * cRow + width, c41)
        'L.Store(c, 5 * cRow, c50)
        'L.Store(c, 5 * cRow + width, c51)
        'L.Store(c, 6 * cRow, c60)
        'L.Store(c, 6 * cRow + width, c61)
        'L.Store(c, 7 * cRow, c70)
        'L.Store(c, 7 * cRow + width, c71)

    /// Four rows by two vectors.
    static member Tile4x2
        (
            k: int,
            a: nativeint,
            aRow: int,
            aColumn: int,
            b: nativeint,
            bRow: int,
            start: nativeint,
            startStride: int,
            c: nativeint,
            cRow: int
        ) : unit =
        let width = 'L.Count
        let mutable c00 = Unchecked.defaultof<'V>
        let mutable c01 = Unchecked.defaultof<'V>
        let mutable c10 = Unchecked.defaultof<'V>
        let mutable c11 = Unchecked.defaultof<'V>
        let mutable c20 = Unchecked.defaultof<'V>
        let mutable c21 = Unchecked.defaultof<'V>
        let mutable c30 = Unchecked.defaultof<'V>
        let mutable c31 = Unchecked.defaultof<'V>

        if start <> 0n then
            c00 <- 'L.Load(start, 0)
            c01 <- 'L.Load(start, width)
            c10 <- 'L.Load(start, startStride)
            c11 <- 'L.Load(start, startStride + width)
            c20 <- 'L.Load(start, 2 * startStride)
            c21 <- 'L.Load(start, 2 * startStride + width)
            c30 <- 'L.Load(start, 3 * startStride)
            c31 <- 'L.Load(start, 3 * startStride + width)

        let mutable a = a
        let mutable b = b
        let aStep = nativeint aColumn * nativeint sizeof<'T>
        let bStep = nativeint bRow * nativeint sizeof<'T>

        for _ in 1..k do
            let b0 = 'L.Load(b, 0)
            let b1 = 'L.Load(b, width)
            let x = 'L.Read(a, 0)
            c00 <- 'L.Fma(x, b0, c00)
            c01 <- 'L.Fma(x, b1, c01)
            let x = 'L.Read(a, aRow)
            c10 <- 'L.Fma(x, b0, c10)
            c11 <- 'L.Fma(x, b1, c11)
            let x = 'L.Read(a, 2 * aRow)
            c20 <- 'L.Fma(x, b0, c20)
            c21 <- 'L.Fma(x, b1, c21)
            let x = 'L.Read(a, 3 * aRow)
            c30 <- 'L.Fma(x, b0, c30)
            c31 <- 'L.Fma(x, b1, c31)
            a <- a + aStep
            b <- b + bStep

        'L.Store(c, 0, c00)
        'L.Store(c, width, c01)
        'L.Store(c, cRow, c10)
        'L.Store(c, cRow + width, c11)
        'L.Store(c, 2 * cRow, c20)
        'L.Store(c, 2 * cRow + width, c21)
        'L.Store(c, 3 * cRow, c30)
        'L.Store(c, 3 * cRow + width, c31)

    /// Two rows by two vectors.
    static member Tile2x2
        (
            k: int,
            a: nativeint,
            aRow: int,
            aColumn: int,
            b: nativeint,
            bRow: int,
            start: nativeint,
            startStride: int,
            c: nativeint,
            cRow: int
        ) : unit =
        let width = 'L.Count
        let mutable c00 = Unchecked.defaultof<'V>
        let mutable c01 = Unchecked.defaultof<'V>
        let mutable c10 = Unchecked.defaultof<'V>
        let mutable c11 = Unchecked.defaultof<'V>

        if start <> 0n then
            c00 <- 'L.Load(start, 0)
            c01 <- 'L.Load(start, width)
            c10 <- 'L.Load(start, startStride)
            c11 <- 'L.Load(start, startStride + width)

        let mutable a = a
        let mutable b = b
        let aStep = nativeint aColumn * nativeint sizeof<'T>
        let bStep = nativeint bRow * nativeint sizeof<'T>

        for _ in 1..k do
            let b0 = 'L.Load(b, 0)
            let b1 = 'L.Load(b, width)
            let x = 'L.Read(a, 0)
            c00 <- 'L.Fma(x, b0, c00)
            c01 <- 'L.Fma(x, b1, c01)
            let x = 'L.Read(a, aRow)
            c10 <- 'L.Fma(x, b0, c10)
            c11 <- 'L.Fma(x, b1, c11)
            a <- a + aStep
            b <- b + bStep

        'L.Store(c, 0, c00)
        'L.Store(c, width, c01)
        'L.Store(c, cRow, c10)
        'L.Store(c, cRow + width, c11)

    /// One row by two vectors.
    static member Tile1x2
        (
            k: int,
            a: nativeint,
            aRow: int,
            aColumn: int,
            b: nativeint,
            bRow: int,
            start: nativeint,
            startStride: int,
            c: nativeint,
            cRow: int
        ) : unit =
        let width = 'L.Count
        let mutable c00 = Unchecked.defaultof<'V>
        let mutable c01 = Unchecked.defaultof<'V>

        if start <> 0n then
            c00 <- 'L.Load(start, 0)
            c01 <- 'L.Load(start, width)

        let mutable a = a
        let mutable b = b
        let aStep = nativeint aColumn * nativeint sizeof<'T>
        let bStep = nativeint bRow * nativeint sizeof<'T>

        for _ in 1..k do
            let b0 = 'L.Load(b, 0)
            let b1 = 'L.Load(b, width)
            let x = 'L.Read(a, 0)
            c00 <- 'L.Fma(x, b0, c00)
            c01 <- 'L.Fma(x, b1, c01)
            a <- a + aStep
            b <- b + bStep

        'L.Store(c, 0, c00)
        'L.Store(c, width, c01)
