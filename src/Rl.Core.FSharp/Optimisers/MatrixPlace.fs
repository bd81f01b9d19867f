/// Which numbers of a vector of parameters are matrices: some optimisers move those as a whole.
namespace Rl.Core.Optimisers

open Rl.Core.Foundations

/// Numbers of a vector that are a matrix, row by row.
type MatrixPlace =
    {
        First: int
        Rows: int
        Columns: int
        /// Whether a unit's weights are a row, as in convolutions; else they are a column.
        UnitsAreRows: bool
    }

/// Vectors as matrices and what lies between them.
[<RequireQualifiedAccess>]
module internal MatrixPlace =

    /// The numbers of a vector in order: first, the one after the last, and the matrix that they are, if they are one.
    let pieces (count: int) (matrices: MatrixPlace list) : (int * int * MatrixPlace option) list =
        let rec from first (matrices: MatrixPlace list) =
            match matrices with
            | [] -> if first < count then [ first, count, None ] else []
            | place :: _ when place.First > first -> (first, place.First, None) :: from place.First matrices
            | place :: rest ->
                if place.First < first || place.Rows < 1 || place.Columns < 1 then
                    Guard.fail (nameof matrices) $"matrices has one at {place.First}, within the one before."

                let next = first + place.Rows * place.Columns

                if next > count then
                    Guard.fail (nameof matrices) $"matrices has one up to {next} of {count} parameters."

                (first, next, Some place) :: from next rest

        from 0 matrices
