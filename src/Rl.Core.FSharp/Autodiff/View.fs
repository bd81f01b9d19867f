/// Strided views: reshape, broadcast, transpose and slice as ways of reading a buffer instead of copies of it.
namespace Rl.Core.Autodiff

/// How an element-wise loop over a row-major shape reads an operand at the flat position i.
[<Struct>]
type internal Pattern =
    /// Element i.
    | Contiguous
    /// Element 0.
    | Single
    /// Element (i / repeat) mod period.
    | Periodic of repeat: int * period: int
    /// No simple rule: copy it first.
    | Irregular

/// Element [i₀, i₁, …] of the viewed shape is element Offset + Σ iₖ Strides[k] of the buffer.
[<Struct>]
type internal View = { Offset: int; Strides: int[] }

[<RequireQualifiedAccess>]
module internal View =

    /// The whole of a row-major buffer.
    let whole (shape: Shape) = { Offset = 0; Strides = Shape.strides shape }

    /// Axes that matter (length ≠ 1), neighbours that lie in one run merged: parallel arrays of lengths and strides.
    let merged (shape: Shape) (strides: int[]) =
        let lengths = ResizeArray<int>()
        let steps = ResizeArray<int>()

        for axis in 0 .. shape.Length - 1 do
            if shape[axis] <> 1 then
                let last = lengths.Count - 1

                if last >= 0 && steps[last] = strides[axis] * shape[axis] then
                    lengths[last] <- lengths[last] * shape[axis]
                    steps[last] <- strides[axis]
                else
                    lengths.Add shape[axis]
                    steps.Add strides[axis]

        struct (lengths.ToArray(), steps.ToArray())

    /// True when the elements follow each other in row-major order without gaps.
    let isContiguous (shape: Shape) (view: View) =
        let struct (lengths, steps) = merged shape view.Strides
        lengths.Length = 0 || (lengths.Length = 1 && steps[0] = 1) || Shape.count shape = 0

    /// How a row-major loop reads the view.
    let pattern (shape: Shape) (view: View) =
        let struct (lengths, steps) = merged shape view.Strides

        match lengths, steps with
        | [||], _ -> if Shape.count shape = 1 then Contiguous else Single
        | _, [| 1 |] -> Contiguous
        | _, [| 0 |] -> Single
        | [| _; period |], [| 0; 1 |] -> Periodic(1, period)
        | [| period; repeat |], [| 1; 0 |] -> Periodic(repeat, period)
        | [| _; period; repeat |], [| 0; 1; 0 |] -> Periodic(repeat, period)
        | _ -> Irregular

    /// The view of a reshaped array, if its elements can be reached without a copy.
    let reshape (oldShape: Shape) (newShape: Shape) (view: View) : View voption =
        if isContiguous oldShape view then
            ValueSome { view with Strides = Shape.strides newShape }
        else
            // Each merged run of old axes must be exactly covered by consecutive new axes.
            let struct (lengths, steps) = merged oldShape view.Strides
            let strides = Array.zeroCreate newShape.Length
            let mutable axis = newShape.Length - 1
            let mutable run = lengths.Length - 1
            let mutable fits = true

            while fits && run >= 0 do
                let mutable covered = 1

                while axis >= 0 && covered < lengths[run] do
                    strides[axis] <- steps[run] * covered
                    covered <- covered * newShape[axis]
                    axis <- axis - 1

                if covered <> lengths[run] then fits <- false
                run <- run - 1

            if fits then ValueSome { view with Strides = strides } else ValueNone

    let broadcast (oldShape: Shape) (newShape: Shape) (view: View) =
        { view with
            Strides =
                Array.init newShape.Length (fun axis ->
                    if oldShape[axis] = newShape[axis] then view.Strides[axis] else 0)
        }

    let transpose (order: int[]) (view: View) =
        { view with Strides = order |> Array.map (fun axis -> view.Strides[axis]) }

    let slice axis start (view: View) = { view with Offset = view.Offset + start * view.Strides[axis] }
