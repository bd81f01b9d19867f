/// The mass matrix of a robot, its factorisation along the tree, and what is solved with it.
namespace Rl.Core.Environments.Robots

open System

/// Source: Featherstone (2008), chapters 6.2 (composite rigid bodies) and 6.5 (M = Lᵀ D L without fill-in).
[<RequireQualifiedAccess>]
module internal MassMatrix =

    /// M from the composite inertias; armature on the diagonal.
    let fill (w: Workspace) =
        let model = w.Model
        let size = model.DofCount
        let matrix = w.MassMatrix
        Array.Copy(w.Inertia, w.CompositeInertia, w.Inertia.Length)

        for index in model.Bodies.Length - 1 .. -1 .. 1 do
            let parent = model.Bodies[index].Parent

            if parent > 0 then
                w.CompositeInertia[parent] <- w.CompositeInertia[parent] + w.CompositeInertia[index]

        for i in 0 .. size - 1 do
            let dof = model.Dofs[i]
            let momentum = SpatialInertia.apply w.CompositeInertia[dof.Body] w.Motion[i]
            let mutable j = i

            while j >= 0 do
                let entry = Spatial.dot w.Motion[j] momentum
                matrix[i * size + j] <- entry
                matrix[j * size + i] <- entry
                j <- model.Dofs[j].Parent

            matrix[i * size + i] <- matrix[i * size + i] + dof.Armature

    /// Factors a matrix with M's pattern in place: L below the diagonal, D on it.
    let factor (model: RobotModel) (matrix: Span<float>) (inverseDiagonal: Span<float>) =
        let size = model.DofCount
        let dofs = model.Dofs

        for k in size - 1 .. -1 .. 0 do
            let pivot = 1.0 / matrix[k * size + k]
            inverseDiagonal[k] <- pivot
            let mutable i = dofs[k].Parent

            while i >= 0 do
                let ratio = matrix[k * size + i] * pivot
                let mutable j = i

                while j >= 0 do
                    matrix[i * size + j] <- matrix[i * size + j] - ratio * matrix[k * size + j]
                    j <- dofs[j].Parent

                matrix[k * size + i] <- ratio
                i <- dofs[i].Parent

    /// x ← (Lᵀ D L)⁻¹ x.
    let solve
        (model: RobotModel)
        (factor: ReadOnlySpan<float>)
        (inverseDiagonal: ReadOnlySpan<float>)
        (x: Span<float>)
        =
        let size = model.DofCount
        let dofs = model.Dofs

        for i in size - 1 .. -1 .. 0 do
            let value = x[i]

            if value <> 0.0 then
                let mutable j = dofs[i].Parent

                while j >= 0 do
                    x[j] <- x[j] - factor[i * size + j] * value
                    j <- dofs[j].Parent

        for i in 0 .. size - 1 do
            let mutable value = x[i] * inverseDiagonal[i]
            let mutable j = dofs[i].Parent

            while j >= 0 do
                value <- value - factor[i * size + j] * x[j]
                j <- dofs[j].Parent

            x[i] <- value

    /// M and its factors of the present pose.
    let compute (w: Workspace) =
        fill w
        Array.Copy(w.MassMatrix, w.Factor, w.MassMatrix.Length)
        factor w.Model (Span w.Factor) (Span w.InverseDiagonal)

    /// result ← M x, along the tree.
    let multiply (w: Workspace) (x: ReadOnlySpan<float>) (result: Span<float>) =
        let size = w.Model.DofCount
        let matrix, dofs = w.MassMatrix, w.Model.Dofs

        for i in 0 .. size - 1 do
            result[i] <- matrix[i * size + i] * x[i]
            let mutable j = dofs[i].Parent

            while j >= 0 do
                let entry = matrix[i * size + j]
                result[i] <- result[i] + entry * x[j]
                result[j] <- result[j] + entry * x[i]
                j <- dofs[j].Parent
