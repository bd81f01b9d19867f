/// The tiles of matrix products at the edges: few rows by four vectors, and single vectors of which only some lanes
/// exist.
namespace Rl.Core.Kernels

#nowarn "9"
#nowarn "3535"
#nowarn "3536"

/// The methods keep the contract of `Tiles`, and its order of operations.
[<AbstractClass; Sealed>]
type internal EdgeTiles<'L, 'V, 'T when 'T: unmanaged and 'L :> ILanes<'V, 'T>> =

    /// Two rows by four vectors.
    static member Tile2x4
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
        let mutable c02 = Unchecked.defaultof<'V>
        let mutable c03 = Unchecked.defaultof<'V>
        let mutable c10 = Unchecked.defaultof<'V>
        let mutable c11 = Unchecked.defaultof<'V>
        let mutable c12 = Unchecked.defaultof<'V>
        let mutable c13 = Unchecked.defaultof<'V>

        if start <> 0n then
            c00 <- 'L.Load(start, 0)
            c01 <- 'L.Load(start, width)
            c02 <- 'L.Load(start, 2 * width)
            c03 <- 'L.Load(start, 3 * width)
            c10 <- 'L.Load(start, startStride)
            c11 <- 'L.Load(start, startStride + width)
            c12 <- 'L.Load(start, startStride + 2 * width)
            c13 <- 'L.Load(start, startStride + 3 * width)

        let mutable a = a
        let mutable b = b
        let aStep = nativeint aColumn * nativeint sizeof<'T>
        let bStep = nativeint bRow * nativeint sizeof<'T>

        for _ in 1..k do
            let b0 = 'L.Load(b, 0)
            let b1 = 'L.Load(b, width)
            let b2 = 'L.Load(b, 2 * width)
            let b3 = 'L.Load(b, 3 * width)
            let x = 'L.Read(a, 0)
            c00 <- 'L.Fma(x, b0, c00)
            c01 <- 'L.Fma(x, b1, c01)
            c02 <- 'L.Fma(x, b2, c02)
            c03 <- 'L.Fma(x, b3, c03)
            let x = 'L.Read(a, aRow)
            c10 <- 'L.Fma(x, b0, c10)
            c11 <- 'L.Fma(x, b1, c11)
            c12 <- 'L.Fma(x, b2, c12)
            c13 <- 'L.Fma(x, b3, c13)
            a <- a + aStep
            b <- b + bStep

        'L.Store(c, 0, c00)
        'L.Store(c, width, c01)
        'L.Store(c, 2 * width, c02)
        'L.Store(c, 3 * width, c03)
        'L.Store(c, cRow, c10)
        'L.Store(c, cRow + width, c11)
        'L.Store(c, cRow + 2 * width, c12)
        'L.Store(c, cRow + 3 * width, c13)

    /// One row by four vectors.
    static member Tile1x4
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
        let mutable c02 = Unchecked.defaultof<'V>
        let mutable c03 = Unchecked.defaultof<'V>

        if start <> 0n then
            c00 <- 'L.Load(start, 0)
            c01 <- 'L.Load(start, width)
            c02 <- 'L.Load(start, 2 * width)
            c03 <- 'L.Load(start, 3 * width)

        let mutable a = a
        let mutable b = b
        let aStep = nativeint aColumn * nativeint sizeof<'T>
        let bStep = nativeint bRow * nativeint sizeof<'T>

        for _ in 1..k do
            let b0 = 'L.Load(b, 0)
            let b1 = 'L.Load(b, width)
            let b2 = 'L.Load(b, 2 * width)
            let b3 = 'L.Load(b, 3 * width)
            let x = 'L.Read(a, 0)
            c00 <- 'L.Fma(x, b0, c00)
            c01 <- 'L.Fma(x, b1, c01)
            c02 <- 'L.Fma(x, b2, c02)
            c03 <- 'L.Fma(x, b3, c03)
            a <- a + aStep
            b <- b + bStep

        'L.Store(c, 0, c00)
        'L.Store(c, width, c01)
        'L.Store(c, 2 * width, c02)
        'L.Store(c, 3 * width, c03)

    /// Eight rows by one vector of which only the lanes of `mask` exist.
    static member Tile8x1Masked
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
            cRow: int,
            mask: 'V
        ) : unit =
        let mutable c00 = Unchecked.defaultof<'V>
        let mutable c10 = Unchecked.defaultof<'V>
        let mutable c20 = Unchecked.defaultof<'V>
        let mutable c30 = Unchecked.defaultof<'V>
        let mutable c40 = Unchecked.defaultof<'V>
        let mutable c50 = Unchecked.defaultof<'V>
        let mutable c60 = Unchecked.defaultof<'V>
        let mutable c70 = Unchecked.defaultof<'V>

        if start <> 0n then
            c00 <- 'L.LoadMasked(start, 0, mask)
            c10 <- 'L.LoadMasked(start, startStride, mask)
            c20 <- 'L.LoadMasked(start, 2 * startStride, mask)
            c30 <- 'L.LoadMasked(start, 3 * startStride, mask)
            c40 <- 'L.LoadMasked(start, 4 * startStride, mask)
            c50 <- 'L.LoadMasked(start, 5 * startStride, mask)
            c60 <- 'L.LoadMasked(start, 6 * startStride, mask)
            c70 <- 'L.LoadMasked(start, 7 * startStride, mask)

        let mutable a = a
        let mutable b = b
        let aStep = nativeint aColumn * nativeint sizeof<'T>
        let bStep = nativeint bRow * nativeint sizeof<'T>

        for _ in 1..k do
            let b0 = 'L.LoadMasked(b, 0, mask)
            let x = 'L.Read(a, 0)
            c00 <- 'L.Fma(x, b0, c00)
            let x = 'L.Read(a, aRow)
            c10 <- 'L.Fma(x, b0, c10)
            let x = 'L.Read(a, 2 * aRow)
            c20 <- 'L.Fma(x, b0, c20)
            let x = 'L.Read(a, 3 * aRow)
            c30 <- 'L.Fma(x, b0, c30)
            let x = 'L.Read(a, 4 * aRow)
            c40 <- 'L.Fma(x, b0, c40)
            let x = 'L.Read(a, 5 * aRow)
            c50 <- 'L.Fma(x, b0, c50)
            let x = 'L.Read(a, 6 * aRow)
            c60 <- 'L.Fma(x, b0, c60)
            let x = 'L.Read(a, 7 * aRow)
            c70 <- 'L.Fma(x, b0, c70)
            a <- a + aStep
            b <- b + bStep

        'L.StoreMasked(c, 0, c00, mask)
        'L.StoreMasked(c, cRow, c10, mask)
        'L.StoreMasked(c, 2 * cRow, c20, mask)
        'L.StoreMasked(c, 3 * cRow, c30, mask)
        'L.StoreMasked(c, 4 * cRow, c40, mask)
        'L.StoreMasked(c, 5 * cRow, c50, mask)
        'L.StoreMasked(c, 6 * cRow, c60, mask)
        'L.StoreMasked(c, 7 * cRow, c70, mask)

    /// Four rows by one vector of which only the lanes of `mask` exist.
    static member Tile4x1Masked
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
            cRow: int,
            mask: 'V
        ) : unit =
        let mutable c00 = Unchecked.defaultof<'V>
        let mutable c10 = Unchecked.defaultof<'V>
        let mutable c20 = Unchecked.defaultof<'V>
        let mutable c30 = Unchecked.defaultof<'V>

        if start <> 0n then
            c00 <- 'L.LoadMasked(start, 0, mask)
            c10 <- 'L.LoadMasked(start, startStride, mask)
            c20 <- 'L.LoadMasked(start, 2 * startStride, mask)
            c30 <- 'L.LoadMasked(start, 3 * startStride, mask)

        let mutable a = a
        let mutable b = b
        let aStep = nativeint aColumn * nativeint sizeof<'T>
        let bStep = nativeint bRow * nativeint sizeof<'T>

        for _ in 1..k do
            let b0 = 'L.LoadMasked(b, 0, mask)
            let x = 'L.Read(a, 0)
            c00 <- 'L.Fma(x, b0, c00)
            let x = 'L.Read(a, aRow)
            c10 <- 'L.Fma(x, b0, c10)
            let x = 'L.Read(a, 2 * aRow)
            c20 <- 'L.Fma(x, b0, c20)
            let x = 'L.Read(a, 3 * aRow)
            c30 <- 'L.Fma(x, b0, c30)
            a <- a + aStep
            b <- b + bStep

        'L.StoreMasked(c, 0, c00, mask)
        'L.StoreMasked(c, cRow, c10, mask)
        'L.StoreMasked(c, 2 * cRow, c20, mask)
        'L.StoreMasked(c, 3 * cRow, c30, mask)

    /// Two rows by one vector of which only the lanes of `mask` exist.
    static member Tile2x1Masked
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
            cRow: int,
            mask: 'V
        ) : unit =
        let mutable c00 = Unchecked.defaultof<'V>
        let mutable c10 = Unchecked.defaultof<'V>

        if start <> 0n then
            c00 <- 'L.LoadMasked(start, 0, mask)
            c10 <- 'L.LoadMasked(start, startStride, mask)

        let mutable a = a
        let mutable b = b
        let aStep = nativeint aColumn * nativeint sizeof<'T>
        let bStep = nativeint bRow * nativeint sizeof<'T>

        for _ in 1..k do
            let b0 = 'L.LoadMasked(b, 0, mask)
            let x = 'L.Read(a, 0)
            c00 <- 'L.Fma(x, b0, c00)
            let x = 'L.Read(a, aRow)
            c10 <- 'L.Fma(x, b0, c10)
            a <- a + aStep
            b <- b + bStep

        'L.StoreMasked(c, 0, c00, mask)
        'L.StoreMasked(c, cRow, c10, mask)

    /// One row by one vector of which only the lanes of `mask` exist.
    static member Tile1x1Masked
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
            cRow: int,
            mask: 'V
        ) : unit =
        let mutable c00 = Unchecked.defaultof<'V>

        if start <> 0n then c00 <- 'L.LoadMasked(start, 0, mask)

        let mutable a = a
        let mutable b = b
        let aStep = nativeint aColumn * nativeint sizeof<'T>
        let bStep = nativeint bRow * nativeint sizeof<'T>

        for _ in 1..k do
            let b0 = 'L.LoadMasked(b, 0, mask)
            let x = 'L.Read(a, 0)
            c00 <- 'L.Fma(x, b0, c00)
            a <- a + aStep
            b <- b + bStep

        'L.StoreMasked(c, 0, c00, mask)
